// restart and reload. Sites are exchanged without a gap: the new server gets the old one's listening sockets, and
// the old one ends, its requests finished, when the new one is ready. If it never is, the old one stays.
import { ToolError } from '@plumbline/common/error/tool-error'
import { ProcessHandle } from '../service/handle.ts'
import { endIncarnation, endPredecessor } from '../service/end.ts'
import { removePrepared } from '../service/folders.ts'
import { inspectService, type Seen } from '../service/inspect.ts'
import type { Lock } from '../service/lock.ts'
import { SIGUSR2 } from '../service/signals.ts'
import { takeSockets } from '../launch/sockets.ts'
import { requireAccounts } from '../config/settings.ts'
import { answer, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'
import { endForAnother, isInForeground } from './foreground.ts'
import { clearAway, startAfresh } from './start.ts'

/** To our own server: finish, without hurry. */
const drainSignal = SIGUSR2

/** For a program that does not catch the reload signal to be seen to end: most signals end who does not know them. */
const endedByReloadMs = 50

export async function restart(context: Context): Promise<Outcome> {
  requireAccounts(context.settings)
  if (isInForeground(inspectService(context.settings))) return endForAnother(context)
  return withLock(context, async (lock) => {
    const seen = inspectService(context.settings)
    if (
      context.settings.command === undefined &&
      seen.state === 'running' &&
      !seen.main?.state.startsWith('T')
    ) {
      return exchange(context, lock, seen)
    }
    // Whoever connects meanwhile waits in the sockets' queues.
    const taken = seen.record && takeSockets(seen.record)
    await clearAway(context, seen)
    const started = await startAfresh(context, lock, taken)
    return { exit: actionStatus.ok, changed: true, seen: started }
  })
}

export async function reload(context: Context): Promise<Outcome> {
  const isSites = context.settings.command === undefined
  if (isSites && isInForeground(inspectService(context.settings))) return endForAnother(context)
  return withLock(context, async (lock) => {
    const { settings, action } = context
    const seen = inspectService(settings)
    if (seen.state !== 'running' || !seen.main) {
      throw new ToolError('SERVICE_NOT_RUNNING', { action, name: settings.name })
    }
    if (settings.command === undefined) return exchange(context, lock, seen)
    const handle = ProcessHandle.open(seen.main)
    handle?.signal(settings.reloadSignal)
    const hasEnded = await handle?.ended(endedByReloadMs)
    handle?.close()
    const outcome = answer(context, { exit: actionStatus.ok, changed: true })
    if (!hasEnded || outcome.seen.state !== 'dead') return outcome
    return { ...outcome, exit: actionStatus.failed, reason: 'it has ended at the reload signal' }
  })
}

async function exchange(context: Context, lock: Lock, old: Seen): Promise<Outcome> {
  const { settings, action } = context
  const taken = old.record ? takeSockets(old.record) : new Map<string, number>()
  if (!taken) {
    // Without its sockets there is a gap.
    await clearAway(context, old)
    const started = await startAfresh(context, lock)
    const reason = 'its sockets could not be taken over'
    return { exit: actionStatus.ok, changed: true, seen: started, reason }
  }
  removePrepared(settings)
  const timeout = settings.stopTimeout + settings.drainTimeout
  const ending = { name: settings.name, action, signal: drainSignal, timeout }
  if (old.record) await endPredecessor(old.record, ending)
  await startAfresh(context, lock, taken, old.record)
  const ended = old.record ? await endIncarnation(old.record, ending) : { forced: false, left: [] }
  const reason = ended.forced ? 'the old one had to be killed' : null
  return answer(context, { exit: actionStatus.ok, changed: true, reason, left: ended.left })
}
