// start: returns when the service is ready. One that runs is left alone; what a start that was interrupted, or a
// crash, has left is ended first.
import { ToolError } from '@plumbline/common/error/tool-error'
import { requireAccounts, type Settings } from '../config/settings.ts'
import { launchService } from '../launch/launch.ts'
import { chooseProgram } from '../launch/program.ts'
import { removeEmptyCgroups } from '../service/cgroup.ts'
import { endIncarnation, endPredecessor, endStrays } from '../service/end.ts'
import { makeCacheFolder, removePrepared, removeRecords } from '../service/folders.ts'
import { inspectService, inspectStarted, inspectStarting, type Seen } from '../service/inspect.ts'
import type { Lock } from '../service/lock.ts'
import type { StateRecord } from '../service/state.ts'
import { answer, makeServiceRecord, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

export async function start(context: Context): Promise<Outcome> {
  // Most often it does run: that is seen without taking turns.
  if (isWell(context.settings, inspectService(context.settings))) return alreadyRunning(context)
  requireAccounts(context.settings)
  return withLock(context, async (lock) => {
    const seen = inspectService(context.settings)
    if (isWell(context.settings, seen)) return alreadyRunning(context)
    await clearAway(context, seen)
    const started = await startAfresh(context, lock)
    return { exit: actionStatus.ok, changed: true, seen: started }
  })
}

/** Throws SERVICE_FAILED when it is another one that runs, with the pidfile of this one. */
function alreadyRunning(context: Context): Outcome {
  const outcome = answer(context, { exit: actionStatus.ok, changed: false, reason: 'it runs already' })
  const { action, settings } = context
  const { name = settings.name, conf } = outcome.seen.record ?? {}
  if (name === settings.name) return outcome
  const reason = `its pidfile is that of "${name}" (${conf}), which runs`
  throw new ToolError('SERVICE_FAILED', { action, name: settings.name, reason })
}

/** It runs, and whoever is to keep it does. */
function isWell({ restart }: Settings, { state, record, keeper }: Seen): boolean {
  const unkept = restart !== 'no' && record?.keeper !== 0 && !keeper
  return state === 'running' && !unkept
}

/** Ends what is left of earlier incarnations, and removes what tells of them. */
export async function clearAway({ settings, action }: Context, seen: Seen): Promise<void> {
  const ending = { name: settings.name, action, signal: settings.stopSignal, timeout: settings.stopTimeout }
  const unfinished = inspectStarting(settings)
  if (seen.state === 'stopped' && !seen.traces && !unfinished) return
  if (unfinished) await endIncarnation(unfinished, { ...ending, signal: undefined })
  if (seen.record) {
    await endIncarnation(seen.record, ending)
    await endPredecessor(seen.record, ending)
  }
  removeRecords(settings)
  await endStrays(settings.name, settings.pidfile, null)
}

/** What runs now. */
export async function startAfresh(
  context: Context,
  lock: Lock,
  taken?: ReadonlyMap<string, number>,
  replaces?: StateRecord,
): Promise<Seen> {
  const { settings, action, cancel, environment, timeout, diagnose, onStarted } = context
  makeCacheFolder(settings)
  const program = await chooseProgram(settings, taken)
  let started: Seen | undefined
  try {
    const pid = await launchService(settings, program, {
      action,
      lock: lock.fd,
      replaces,
      cancel,
      environment,
      timeout,
      meanwhile: () => {
        started = inspectStarted(settings)
        // What runs for the first time takes a millisecond longer: this runs again once the service is ready.
        const seen = started ?? inspectService(settings)
        makeServiceRecord(settings, action, { exit: actionStatus.ok, changed: true, seen }, 0)
        // No record tells of them, and nobody is in them.
        removeEmptyCgroups(settings.name, settings.pidfile)
      },
      onTail: (lines) => lines.forEach((line) => diagnose(`${settings.name}: ${line}`)),
    })
    onStarted()
    // The keeper had written that down, and now says that it is so.
    return started?.main?.pid === pid ? started : inspectService(settings)
  } catch (error) {
    // What is written down still: a keeper that was killed has undone nothing.
    const unfinished = inspectStarting(settings)
    if (unfinished)
      await endIncarnation(unfinished, { name: settings.name, action, signal: undefined, timeout: 0 })
    removePrepared(settings)
    program.withdraw()
    throw error
  } finally {
    program.close()
  }
}
