// The records that the daemon reads and writes.
// Pure: no I/O.
import * as v from 'valibot'
import { endRecord } from '@plumbline/common/records/end'
import { errorRecord } from '@plumbline/common/records/error'
import { pathInfoRecord, rootRecord } from '@plumbline/common/records/store'

const id = { id: v.optional(v.string()) }
const path = { path: v.string() }
const base64 = v.optional(v.pipe(v.string(), v.base64('expected base64')))
const request = <Type extends string, Fields extends v.ObjectEntries>(type: Type, fields: Fields) =>
  v.object({ type: v.literal(type), ...id, ...fields })

/** By the operation they ask for. */
export const requestSchemas = {
  ping: request('ping', {}),
  'valid-path': request('valid-path', path),
  'path-info': request('path-info', path),
  references: request('references', path),
  referrers: request('referrers', path),
  requisites: request('requisites', path),
  derivers: request('derivers', path),
  outputs: request('outputs', path),
  'from-hash-part': request('from-hash-part', { part: v.string() }),
  'valid-paths': request('valid-paths', {}),
  roots: request('roots', {}),
  'add-temp-root': request('add-temp-root', path),
  'add-root': request('add-root', {
    link: v.optional(v.string()),
    link_base64: base64,
  }),
  'add-text': request('add-text', {
    name: v.string(),
    text: v.optional(v.string()),
    text_base64: base64,
    references: v.optional(v.array(v.string()), []),
  }),
  gc: request('gc', {
    action: v.optional(v.picklist(['delete', 'dead', 'live']), 'delete'),
    paths: v.optional(v.array(v.string())),
    max_freed_bytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    keep_dead_ms: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  }),
  why: request('why', path),
  verify: request('verify', {
    contents: v.optional(v.boolean(), false),
    repair: v.optional(v.boolean(), false),
    from: v.optional(v.string()),
  }),
  optimise: request('optimise', {}),
} as const

export type Requests = { [Type in keyof typeof requestSchemas]: v.InferOutput<(typeof requestSchemas)[Type]> }

export const answerSchemas = {
  path: v.looseObject({ type: v.literal('path'), path: v.string(), valid: v.optional(v.boolean()) }),
  'path-info': pathInfoRecord,
  root: rootRecord,
  pong: v.looseObject({
    type: v.literal('pong'),
    store: v.string(),
    protocol: v.string(),
    /** Whether builds run in namespaces of their own, and as whom. */
    sandbox: v.boolean(),
    build_user: v.picklist(['build-users', 'root', 'own']),
  }),
  log: v.looseObject({ type: v.literal('log'), level: v.number(), message: v.string() }),
  progress: v.looseObject({ type: v.literal('progress'), done: v.number(), total: v.number() }),
  error: errorRecord,
  end: endRecord,
} as const
