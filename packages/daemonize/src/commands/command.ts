// What every command on a service is given, and what it answers.
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { Diagnose } from '@plumbline/common/cli/diagnose'
import type { RecordWriter } from '@plumbline/common/ndjson/write'
import type { ServiceRecord } from '@plumbline/common/records/service'
import type { Settings } from '../config/settings.ts'
import { inspectService, type Seen } from '../service/inspect.ts'
import { takeLock, type Lock } from '../service/lock.ts'
import { makeRunFolder } from '../service/folders.ts'

export type Context = {
  action: string
  settings: Settings
  force: boolean
  timeout: number | undefined
  /** The signal is made when it is first asked for. */
  cancel: Pick<Tool, 'signal' | 'throwIfAborted'>
  environment: NodeJS.ProcessEnv
  diagnose: Diagnose
  records: RecordWriter
  values: Readonly<Record<string, readonly string[]>>
  flags: ReadonlySet<string>
  /** Told when a service has been started. */
  onStarted: () => void
}

export type Outcome = {
  /** An LSB status. */
  exit: number
  changed: boolean
  seen: Seen
  reason?: string | null
  left?: number[]
}

export type ServiceCommand = (context: Context) => Promise<Outcome | undefined>

/** Beyond the time that a start and a stop before it may take. */
const lockSlackMs = 10_000

export async function withLock<T>(
  context: Context,
  work: (lock: Lock) => Promise<T>,
  onBusy?: () => void,
): Promise<T> {
  const { settings, action, cancel } = context
  makeRunFolder(settings)
  const ms = (context.timeout ?? settings.startTimeout) + settings.stopTimeout + lockSlackMs
  const lock = await takeLock(settings.lock, settings.name, action, { ms, cancel, ...(onBusy && { onBusy }) })
  try {
    return await work(lock)
  } finally {
    lock.release()
  }
}

export function answer(context: Context, outcome: Omit<Outcome, 'seen'>): Outcome {
  return { ...outcome, seen: inspectService(context.settings) }
}

export function makeServiceRecord(
  settings: Settings,
  command: string,
  outcome: Outcome,
  ms: number,
): ServiceRecord {
  const { seen, changed, reason, left } = outcome
  return {
    type: 'service',
    name: settings.name,
    command,
    state: seen.state,
    pid: seen.main?.pid ?? null,
    ms,
    changed,
    reason: reason ?? seen.reason,
    keeper: seen.keeper?.pid ?? null,
    started: seen.record ? new Date(seen.record.started).toISOString() : null,
    restarts: seen.record?.restarts ?? 0,
    left: left ?? seen.left,
    conf: settings.conf,
  }
}
