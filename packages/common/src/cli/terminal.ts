// Whether a descriptor is a terminal.
import { fstatSync, statSync } from 'node:fs'

/** False for what is closed. node:tty, which is slow to load, is asked only about what may be one. */
export function isTerminal(fd: number): boolean {
  return isDevice(fd) && !isNull(fd) && process.getBuiltinModule('node:tty').isatty(fd)
}

/** True for a terminal on which a line can be taken away again. */
export function canErase(fd: number, { TERM }: NodeJS.ProcessEnv): boolean {
  return TERM !== 'dumb' && isTerminal(fd)
}

/** True for /dev/null, which is also what Node makes of a standard stream that was closed. */
export function isNull(fd: number): boolean {
  return isDevice(fd) && fstatSync(fd).rdev === statSync('/dev/null').rdev
}

function isDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice()
  } catch {
    return false
  }
}
