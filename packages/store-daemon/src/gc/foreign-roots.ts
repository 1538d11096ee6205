// The temporary roots of other daemons on the same state. While they are held, their owners cannot add more.
import { closeSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { errnoOf } from '@plumbline/common/error/translate'
import { markRemoved } from '../store/removed-lock.ts'
import { waitForLock } from '../store/wait-for-lock.ts'

export type ForeignRoots = { paths: Set<string>; removed: string[]; release: () => void }

/** Must run on the thread and in the process whose own file is PID: closing that one would drop its lock. */
export async function holdForeignRoots(state: string, pid: number): Promise<ForeignRoots> {
  const directory = join(state, 'temproots')
  const held: number[] = []
  const found: ForeignRoots = {
    paths: new Set(),
    removed: [],
    release: () => held.splice(0).forEach((fd) => closeSync(fd)),
  }
  for (const name of readdirSync(directory)) {
    if (name === String(pid)) continue
    const file = join(directory, name)
    const fd = openExisting(file)
    if (fd === undefined) continue
    if (native().recordLock(fd, recordLockType.exclusive) === 1) {
      // Whoever holds no lock on its file has died.
      found.removed.push(file)
      unlinkSync(file)
      markRemoved(fd)
      closeSync(fd)
      continue
    }
    held.push(fd)
    if (native().recordLock(fd, recordLockType.shared) === 0) {
      await waitForLock(fd, recordLockType.shared)
    }
    for (const path of readFileSync(fd, 'latin1').split('\0')) if (path) found.paths.add(path)
  }
  return found
}

function openExisting(file: string): number | undefined {
  try {
    return openSync(file, 'r+')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
