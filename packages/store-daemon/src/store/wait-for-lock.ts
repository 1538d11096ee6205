// Waiting for a record lock that another process holds, for as long as this one is to live: what it may be, an hour's
// collection of another daemon's, is nothing that the end of this one waits for.
import { ToolError } from '@plumbline/common/error/tool-error'
import { native } from '@plumbline/common/syscall/native'

const waiting = new Set<(error: unknown) => void>()
let isEnding = false

/** Throws CANCELLED. */
export function waitForLock(fd: number, type: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (isEnding) return reject(cancelled())
    waiting.add(reject)
    const over = () => void waiting.delete(reject)
    native()
      .recordLockWait(fd, type)
      .finally(over)
      .then(() => resolve(), reject)
  })
}

/** From now on nobody waits. */
export function endWaiting(): void {
  isEnding = true
  for (const reject of waiting) reject(cancelled())
}

function cancelled(): ToolError {
  return new ToolError('CANCELLED', { what: 'Waiting for a lock' })
}
