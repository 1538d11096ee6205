// The records that store-cli reads and writes. Pure: no I/O.
import * as v from 'valibot'
import { endRecord } from '@plumbline/common/records/end'
import { errorRecord } from '@plumbline/common/records/error'
import { pathInfoRecord, rootRecord } from '@plumbline/common/records/store'
import { derivationRecord } from './derivation-record.ts'

const path = v.looseObject({
  type: v.literal('path'),
  path: v.nullable(v.string()),
  valid: v.optional(v.boolean()),
  hash: v.optional(v.string()),
  /** The file that was added. */
  source: v.optional(v.string()),
  source_base64: v.optional(v.string()),
  /** Of gc --why: what keeps the first path of the chain, a link or `a running process`. */
  root: v.optional(v.nullable(v.string())),
  root_base64: v.optional(v.string()),
  /** Which output of the derivation that was built. */
  output: v.optional(v.string()),
  /** The file that was published. */
  narinfo: v.optional(v.string()),
})

const substitute = v.looseObject({
  type: v.literal('substitute'),
  path: v.string(),
  deriver: v.nullable(v.string()),
  references: v.array(v.string()),
  download_bytes: v.nullable(v.number()),
  nar_bytes: v.nullable(v.number()),
})

/** A step of a build. */
const build = v.looseObject({
  type: v.literal('build'),
  state: v.picklist(['planned', 'started', 'succeeded', 'failed']),
  path: v.string(),
  outputs: v.optional(v.array(v.string())),
  system: v.optional(v.string()),
  log: v.optional(v.string()),
  pid: v.optional(v.number()),
  ms: v.optional(v.number()),
  reason: v.optional(v.string()),
})

/** An item that comes from a substitute server in place of a build. */
const download = v.looseObject({
  type: v.literal('download'),
  state: v.picklist(['planned', 'started', 'succeeded', 'failed']),
  path: v.string(),
  download_bytes: v.optional(v.number()),
  nar_bytes: v.optional(v.number()),
  reason: v.optional(v.string()),
})

/** A line that a builder printed. */
const log = v.looseObject({
  type: v.literal('log'),
  path: v.string(),
  text: v.optional(v.string()),
  text_base64: v.optional(v.string()),
})

export const schemas = {
  reads: {
    path,
    'path-info': pathInfoRecord,
    derivation: derivationRecord,
    error: errorRecord,
    end: endRecord,
  },
  writes: {
    path,
    'path-info': pathInfoRecord,
    substitute,
    root: rootRecord,
    derivation: derivationRecord,
    build,
    download,
    log,
    node: v.looseObject({ type: v.literal('node'), path: v.string() }),
    edge: v.looseObject({ type: v.literal('edge'), path: v.string(), reference: v.string() }),
    pong: v.looseObject({ type: v.literal('pong'), address: v.string() }),
    error: errorRecord,
    end: endRecord,
  },
} as const
