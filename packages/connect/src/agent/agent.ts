// What an agent is given: itself, so that it can start fresh ones, and its orders.
// Pure: no I/O.
import * as v from 'valibot'
import type { Change, Place } from '@plumbline/common/connection/connection'

/** From the loader (loader.ts). */
export type Agent = {
  /** The compressed program, as it came. */
  bytes: Buffer
  hash: string
  /** The text of the loader. */
  loader: string
  /** An AgentConfig as JSON. */
  config: string
}

export type AgentConfig = {
  /** For messages. */
  host: string
  /** Of the proof of life (kept-stream.ts). */
  intervalMs: number
  /** Where it is, when that is known; else it makes the changes and says so itself. */
  place: Place | undefined
  changes: readonly Change[]
  /** So many descriptors from 3 on were needed only to start it. */
  descriptors: number
}

/** What an agent says first. */
export const agentRecord = v.looseObject({
  type: v.literal('agent'),
  user: v.string(),
  uid: v.number(),
  home: v.string(),
  node: v.string(),
})
