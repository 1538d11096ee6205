// status: what there is, as seen without a lock and without touching anything.
import { setTimeout as sleep } from 'node:timers/promises'
import { inspectService } from '../service/inspect.ts'
import type { Context, Outcome } from './command.ts'
import { stateStatus } from './lsb-status.ts'

/** A keeper that makes its service again at once needs about a millisecond. */
const respawnMs = 10

export async function status({ settings }: Context): Promise<Outcome> {
  let seen = inspectService(settings)
  if (seen.state === 'restarting') {
    await sleep(respawnMs)
    seen = inspectService(settings)
  }
  return { exit: stateStatus[seen.state], changed: false, seen }
}
