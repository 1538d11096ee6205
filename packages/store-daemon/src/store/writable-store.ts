// A store that is mounted read-only, as Guix System has it so that nobody changes it by accident, is writable for its
// daemon alone, in a mount namespace of its own.
import { argv, env, execArgv, execPath } from 'node:process'
import { native } from '@plumbline/common/syscall/native'

/** Returns unless the mount had to be changed: then the process begins anew, with the same `descriptors`. */
export function makeStoreWritable(store: string, descriptors: readonly number[]): void {
  try {
    if (native().remountWritable(store) === 0) return
  } catch {
    // There is none yet, or mounts may not be changed here. Clients are told when something has to be written.
    return
  }
  // Node closes what it was given.
  for (const fd of descriptors) native().setCloseOnExec(fd, false)
  // The other threads of this process still see the old mount.
  native().execve(
    [execPath, ...execArgv, ...argv.slice(1)],
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
  )
}
