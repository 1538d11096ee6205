// start: returns when the service is ready. One that runs is left alone; what a start that was interrupted, or a
// crash, has left is ended first.
import { ToolError } from '@plumbline/common/error/tool-error'
import { requireAccounts, type Settings } from '../config/settings.ts'
import { launchService } from '../launch/launch.ts'
import { chooseProgram } from '../launch/program.ts'
import { endIncarnation, endStrays } from '../service/end.ts'
import { makeCacheFolder, removePrepared, removeRecords } from '../service/folders.ts'
import { inspectService, inspectStarting, type Seen } from '../service/inspect.ts'
import { ProcessHandle } from '../service/handle.ts'
import type { Lock } from '../service/lock.ts'
import type { ProcessStat } from '../service/process.ts'
import { answer, makeServiceRecord, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

/** For the first process of a program that goes into the background to end, once it listens; and for its keeper. */
const backgroundMs = 20

export async function start(context: Context): Promise<Outcome> {
  // Most often it does run: that is seen without taking turns.
  if (isWell(context.settings, inspectService(context.settings))) return alreadyRunning(context)
  requireAccounts(context.settings)
  return withLock(context, async (lock) => {
    const seen = inspectService(context.settings)
    if (isWell(context.settings, seen)) return alreadyRunning(context)
    await clearAway(context, seen)
    await startAfresh(context, lock)
    return answer(context, { exit: actionStatus.ok, changed: true })
  })
}

function alreadyRunning(context: Context): Outcome {
  return answer(context, { exit: actionStatus.ok, changed: false, reason: 'it runs already' })
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
  if (unfinished) await endIncarnation(unfinished, { ...ending, signal: undefined })
  if (seen.record) await endIncarnation(seen.record, ending)
  removeRecords(settings)
  await endStrays(settings.name, settings.pidfile, null)
}

export async function startAfresh(
  context: Context,
  lock: Lock,
  taken?: ReadonlyMap<string, number>,
): Promise<number> {
  const { settings, action, signal, environment, timeout, diagnose, onStarted } = context
  makeCacheFolder(settings)
  const program = await chooseProgram(settings, taken)
  try {
    const pid = await launchService(settings, program, {
      action,
      lock: lock.fd,
      signal,
      environment,
      timeout,
      // What runs for the first time takes a millisecond longer: this runs again once the service is ready.
      meanwhile: () =>
        void makeServiceRecord(settings, action, answer(context, { exit: 0, changed: true }), 0),
      onTail: (lines) => lines.forEach((line) => diagnose(`${settings.name}: ${line}`)),
    })
    if (settings.command !== undefined) await requireStay(context)
    onStarted()
    return pid
  } catch (error) {
    removePrepared(settings)
    throw error
  } finally {
    program.close()
  }
}

/**
 * Who sees from outside that it answers may see the first process of one that goes into the background, just before
 * that ends. It would be neither stopped nor made again as it should.
 */
async function requireStay(context: Context): Promise<void> {
  const { settings, action } = context
  if (['port', 'socket', 'http'].includes(settings.ready.kind))
    await pauseUnlessEnded(inspectService(settings).main)
  let seen = inspectService(settings)
  if (!seen.main) {
    // Its keeper either makes it again or is about to leave.
    await pauseUnlessEnded(seen.keeper)
    seen = inspectService(settings)
  }
  if (seen.main || seen.keeper) return
  await clearAway(context, seen)
  const reason =
    seen.left.length > 0
      ? 'it has gone into the background, but has to stay in the foreground'
      : 'it ended as soon as it was ready'
  throw new ToolError('SERVICE_FAILED', { action, name: settings.name, reason })
}

async function pauseUnlessEnded(process: ProcessStat | undefined): Promise<void> {
  const handle = process && ProcessHandle.open(process)
  await handle?.ended(backgroundMs)
  handle?.close()
}
