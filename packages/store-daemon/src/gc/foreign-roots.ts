// The temporary roots of other daemons on the same state. While they are held, their owners cannot add more.
import { closeSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, isOutOfFiles, reasonOf } from '@plumbline/common/error/translate'
import { markRemoved } from '../store/removed-lock.ts'
import type { TempRoots } from '../store/temp-roots.ts'
import { waitForLock } from '../store/wait-for-lock.ts'

export type ForeignRoots = { paths: Set<string>; removed: string[]; release: () => void }

/** Must run on the thread and in the process whose `own` file is: closing that one would drop its lock. Throws STORE_FAILED. */
export async function holdForeignRoots(state: string, own: TempRoots): Promise<ForeignRoots> {
  const directory = join(state, 'temproots')
  const held: number[] = []
  const found: ForeignRoots = {
    paths: new Set(),
    removed: [],
    release: () => held.splice(0).forEach((fd) => closeSync(fd)),
  }
  let file = directory
  try {
    for (const name of readdirSync(directory)) {
      // It may have been made since.
      if (own.isOwn(name)) continue
      file = join(directory, name)
      await holdFile(file, held, found)
    }
  } catch (error) {
    found.release()
    if (error instanceof ToolError || isOutOfFiles(error)) throw error
    // What cannot be read may keep anything.
    const reason = `cannot read temporary roots \`${file}': ${reasonOf(error)}`
    throw new ToolError('STORE_FAILED', { reason }, { cause: error })
  }
  return found
}

async function holdFile(file: string, held: number[], { paths, removed }: ForeignRoots): Promise<void> {
  const fd = openExisting(file)
  if (fd === undefined) return
  held.push(fd)
  if (native().recordLock(fd, recordLockType.exclusive) === 1) {
    // Whoever holds no lock on its file has died.
    removed.push(file)
    unlinkSync(file)
    markRemoved(fd)
    closeSync(fd)
    held.pop()
    return
  }
  if (native().recordLock(fd, recordLockType.shared) === 0) {
    await waitForLock(fd, recordLockType.shared)
  }
  for (const path of readFileSync(fd, 'latin1').split('\0')) if (path) paths.add(path)
}

function openExisting(file: string): number | undefined {
  try {
    return openSync(file, 'r+')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
