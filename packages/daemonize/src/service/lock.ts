// The lock that commands on one service take turns by: flock(2) on a file of root's or the caller's own. It goes
// with the process that holds it, and is handed to the keeper, so that a start that lost its starter still holds it.
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { lockOperation, native } from '@plumbline/common/syscall/native'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { pause } from './pause.ts'

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
const retryMs = 10

export type Lock = { fd: number; release(): void }

type Waiting = {
  ms: number
  cancel: { throwIfAborted(): void }
  /** Told whenever someone else was found to hold it. */
  onBusy?: () => void
}

/** Throws CANNOT_CREATE, SERVICE_BUSY after `ms`, CANCELLED. */
export async function takeLock(
  path: string,
  name: string,
  action: string,
  { ms, cancel, onBusy }: Waiting,
): Promise<Lock> {
  const until = monotonicMs() + ms
  for (;;) {
    // The next of a list too, whatever became of the one before it.
    cancel.throwIfAborted()
    const fd = openLock(path)
    if (tryLock(fd) && isStillThere(fd, path)) return { fd, release: () => closeSync(fd) }
    closeSync(fd)
    onBusy?.()
    if (monotonicMs() >= until) throw new ToolError('SERVICE_BUSY', { action, name })
    await pause(retryMs)
  }
}

function openLock(path: string): number {
  try {
    // A FIFO or a link in its place is somebody's trap.
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
    throw new Error('not a regular file')
  } catch (error) {
    throw new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }, { cause: error })
  }
}

function tryLock(fd: number): boolean {
  try {
    native().flock(fd, lockOperation.exclusive | lockOperation.nonBlocking)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false
    throw error
  }
}

/** The folder may have been removed and made again in between: then this is the lock of nothing. */
function isStillThere(fd: number, path: string): boolean {
  try {
    return fstatSync(fd).ino === statSync(path).ino
  } catch {
    return false
  }
}
