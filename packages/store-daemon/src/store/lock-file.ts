// One locked file under many names.
//
// A lock on a path is a record lock on `PATH.lock`, and whoever finds that file locked waits for it. To make a file
// for each path that is added, and remove it again, costs more than adding: ext4 will not use a removed inode again
// for seconds, and searches past all of them for each new file. So each PATH.lock is a hard link to one file that
// is locked. It is given up after some uses, or when it has not been needed for a moment: waiters then get their
// lock, see by the byte in it that it was removed, and open the name again, as after any lock file's end.
import { closeSync, linkSync, openSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '@plumbline/common/error/translate'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { fault } from '../fault.ts'
import { scratchName } from './scratch-name.ts'
import { markRemoved } from './removed-lock.ts'

const maxUses = 64
const idleMs = 20

type LockFile = { fd: number; name: string; uses: number; active: number; timer: NodeJS.Timeout | undefined }

let current: LockFile | undefined

/** Takes `PATH.lock` under another name of the current file; undefined when somebody has one of that name. */
export function linkLock(path: string): LockFile | undefined {
  for (;;) {
    const file = (current ??= makeLockFile(dirname(path)))
    try {
      linkSync(file.name, `${path}.lock`)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return undefined
      // A collector of another process has removed the name, or the store is another one.
      current = undefined
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EXDEV') {
        if (file.active === 0) giveUp(file)
        continue
      }
      throw error
    }
    fault('lock-taken')
    file.active++
    if (++file.uses >= maxUses) current = undefined
    return file
  }
}

export function unlinkLock(path: string, file: LockFile): void {
  try {
    removeName(`${path}.lock`)
  } finally {
    endUse(file)
  }
}

function endUse(file: LockFile): void {
  if (--file.active > 0) return
  if (file !== current) return giveUp(file)
  if (file.timer) file.timer.refresh()
  else file.timer = setTimeout(() => giveUpIdle(file), idleMs).unref()
}

/** At the end of the process: nothing stays behind. */
export function endLockFile(): void {
  if (current && current.active === 0) giveUp(current)
}

function giveUpIdle(file: LockFile): void {
  if (file.active !== 0 || file !== current) return
  try {
    giveUp(file)
  } catch {
    // There is nobody to tell, and the next daemon removes what is left of it.
  }
}

function giveUp(file: LockFile): void {
  if (current === file) current = undefined
  clearTimeout(file.timer)
  try {
    removeName(file.name)
  } finally {
    // Its locks go in any case.
    markRemoved(file.fd)
    closeSync(file.fd)
  }
}

function removeName(name: string): void {
  try {
    unlinkSync(name)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

function makeLockFile(store: string): LockFile {
  const name = `${store}/${scratchName('.tmp-link')}`
  const fd = openSync(name, 'wx', 0o600)
  native().recordLock(fd, recordLockType.exclusive)
  return { fd, name, uses: 0, active: 0, timer: undefined }
}
