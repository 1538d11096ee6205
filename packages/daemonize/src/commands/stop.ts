// stop and kill: the service and all that it has started is gone, or it is said what is not.
import { existsSync } from 'node:fs'
import { aborted } from '@plumbline/common/process/aborted'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { ProcessHandle } from '../service/handle.ts'
import { endIncarnation, endPredecessor, endStrays, type Ending } from '../service/end.ts'
import type { Settings } from '../config/settings.ts'
import { removeRecords } from '../service/folders.ts'
import { inspectService, inspectStarting } from '../service/inspect.ts'
import { SIGCONT, SIGKILL } from '../service/signals.ts'
import { answer, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

export function stop(context: Context): Promise<Outcome> {
  return end(context, context.settings.stopSignal)
}

export function kill(context: Context): Promise<Outcome> {
  return end(context, undefined)
}

async function end(context: Context, signal: number | undefined): Promise<Outcome> {
  const { settings, action } = context
  const seen = inspectService(settings)
  // Where there is no lock, nothing has ever been started.
  if (!seen.traces && seen.left.length === 0 && !existsSync(settings.lock)) return notRunning(context)
  const timeout = context.timeout ?? settings.stopTimeout
  const ending: Ending = { name: settings.name, action, signal, timeout }
  const ended = withLock(
    context,
    async () => {
      const { record, state } = inspectService(settings)
      const unfinished = inspectStarting(settings)
      if (unfinished) await endIncarnation(unfinished, ending)
      const strays = inspectService(settings).left
      const { forced, left: own } = record
        ? await endIncarnation(record, ending)
        : { forced: false, left: [] }
      const older = record ? await endPredecessor(record, ending) : []
      const left = [...own, ...older, ...(await endStrays(settings.name, settings.pidfile, null))]
      if (left.length > 0) {
        const reason = `these would not end: ${left.join(', ')}`
        return answer(context, { exit: actionStatus.failed, changed: true, reason, left })
      }
      removeRecords(settings)
      const changed =
        state === 'running' || state === 'restarting' || unfinished !== undefined || strays.length > 0
      const reason =
        forced && signal !== undefined ? `it did not end within ${timeout} ms and was killed` : null
      return answer(context, {
        exit: actionStatus.ok,
        changed,
        reason: changed ? reason : 'it was not running',
      })
    },
    interruptOthers(context, ending),
  )
  // Whoever has had enough of waiting is not made to; what has been told to end is left to do so.
  return Promise.race([ended, aborted(context.cancel.signal)])
}

function notRunning(context: Context): Outcome {
  return answer(context, { exit: actionStatus.ok, changed: false, reason: 'it was not running' })
}

/**
 * Whoever starts it right now holds the lock until it is ready, which may be never: the start is made to fail, by what
 * would end the service if it ran. Whoever stops it holds the lock for as long as the service may take: kill does not.
 */
function interruptOthers({ settings }: Context, { signal, timeout }: Pick<Ending, 'signal' | 'timeout'>) {
  const killAt = new Map<string, number>()
  let isKilled = signal !== undefined
  return () => {
    if (!isKilled) killRunning(settings)
    // Once: another one may be there by now that a keeper has made, and that is ended in its turn.
    isKilled = true
    const starting = inspectStarting(settings)
    const handle = starting && ProcessHandle.open(starting)
    if (!handle) return
    const known = killAt.get(starting.id)
    if (known === undefined) {
      killAt.set(starting.id, monotonicMs() + timeout)
      handle.signal(signal ?? SIGKILL)
      handle.signal(SIGCONT)
    } else if (monotonicMs() >= known) {
      handle.signal(SIGKILL)
    }
    handle.close()
  }
}

function killRunning(settings: Settings): void {
  const { main } = inspectService(settings)
  const handle = main && ProcessHandle.open(main)
  handle?.signal(SIGKILL)
  handle?.close()
}
