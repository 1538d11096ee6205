// Bytes of chance for names that must not meet: tokens, identifiers, temporary files.
import { closeSync, openSync, readSync } from 'node:fs'

/** From the kernel itself (random(4)): node:crypto would take longer to load than all else a small program does. */
export function randomBytes(length: number): Buffer {
  const fd = openDevice()
  // A container, a root directory, may have no /dev.
  if (fd === undefined) return process.getBuiltinModule('node:crypto').randomBytes(length)
  const bytes = Buffer.alloc(length)
  try {
    readSync(fd, bytes, 0, length, null)
  } finally {
    closeSync(fd)
  }
  return bytes
}

function openDevice(): number | undefined {
  try {
    return openSync('/dev/urandom', 'r')
  } catch {
    return undefined
  }
}
