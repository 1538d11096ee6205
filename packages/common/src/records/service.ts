// The record that daemonize prints for each service and command; read back, its `conf` names the service.
// Pure: no I/O.
import * as v from 'valibot'

const serviceStates = ['running', 'starting', 'restarting', 'stopped', 'dead', 'failed', 'unknown'] as const

export const serviceRecord = v.looseObject({
  type: v.literal('service'),
  name: v.string(),
  command: v.string(),
  state: v.picklist(serviceStates),
  pid: v.nullable(v.number()),
  ms: v.number(),
  /** Whether the command changed anything. */
  changed: v.boolean(),
  /** What there is to know besides: why it failed, what was forced. */
  reason: v.nullable(v.string()),
  /** The process that keeps the service, when one stays. */
  keeper: v.nullable(v.number()),
  /** When this incarnation was started. */
  started: v.nullable(v.string()),
  restarts: v.number(),
  /** Processes of the service that are there without it, or that would not end. */
  left: v.array(v.number()),
  conf: v.string(),
})

/** What a stream of services to work on must have. */
export const serviceReference = v.looseObject({ type: v.literal('service'), conf: v.string() })

export type ServiceRecord = v.InferOutput<typeof serviceRecord>
export type ServiceState = (typeof serviceStates)[number]
