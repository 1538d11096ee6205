// What has a name right now, held by a descriptor: whatever is put in its place afterwards, it stays what was looked at.
import { closeSync, constants, openSync, type PathLike } from 'node:fs'

/** Of Linux (open(2)); Node has no name for it: what is there is held, and not opened. */
const O_PATH = 0o10000000

/** `work` is given the descriptor, and a path that leads to it; of a symlink it is the link itself. Throws what open(2) does. */
export function holdName<T>(path: PathLike, work: (fd: number, held: string) => T): T {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  try {
    return work(fd, `/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}
