// status: what there is, as seen without a lock and without touching anything.
import { inspectService } from '../service/inspect.ts'
import { pause } from '../service/pause.ts'
import type { Context, Outcome } from './command.ts'
import { stateStatus } from './lsb-status.ts'

/** A keeper that makes its service again at once needs about a millisecond. */
const respawnMs = 10

export async function status({ settings }: Context): Promise<Outcome> {
  let seen = inspectService(settings)
  if (seen.state === 'restarting') {
    await pause(respawnMs)
    seen = inspectService(settings)
  }
  return { exit: stateStatus[seen.state], changed: false, seen }
}
