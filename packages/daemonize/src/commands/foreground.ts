// A service that runs in the foreground is the child of whoever runs it, such as a supervisor: they make it again. One
// that we made in their place would be in their way for ever.
import { aborted } from '@plumbline/common/process/aborted'
import { ToolError } from '@plumbline/common/error/tool-error'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { inspectService, type Seen } from '../service/inspect.ts'
import { pause } from '../service/pause.ts'
import { check } from './check.ts'
import { answer, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'
import { clearAway } from './start.ts'

const lookMs = 20

/** The session is what the records say of it (keeper/records.c). */
export function isInForeground({ main, keeper, record }: Seen): boolean {
  return (main ?? keeper) !== undefined && record?.session === 0
}

/** Ends it, and waits until there is another. Throws SERVICE_FAILED when none comes, CANCELLED, what check() does. */
export async function endForAnother(context: Context): Promise<Outcome> {
  const { settings, action, cancel } = context
  // What cannot be made again is left as it is.
  await check(context)
  const old = await withLock(context, async () => {
    const seen = inspectService(settings)
    // Somebody else may have ended it meanwhile, and it is another already.
    if (isInForeground(seen)) await clearAway(context, seen)
    return seen.record?.id
  })
  const timeout = context.timeout ?? settings.startTimeout
  const until = monotonicMs() + timeout
  const stop = new AbortController()
  try {
    await Promise.race([awaitAnother(context, old, until), aborted(cancel.signal, stop.signal)])
  } finally {
    stop.abort()
  }
  if (inspectService(settings).state === 'running') {
    return answer(context, { exit: actionStatus.ok, changed: true })
  }
  const reason = `it ran in the foreground, and nobody has made it again within ${timeout} ms`
  throw new ToolError('SERVICE_FAILED', { action, name: settings.name, reason })
}

async function awaitAnother({ settings }: Context, old: string | undefined, until: number): Promise<void> {
  for (;;) {
    const { state, record } = inspectService(settings)
    if ((state === 'running' && record?.id !== old) || monotonicMs() >= until) return
    await pause(lookMs)
  }
}
