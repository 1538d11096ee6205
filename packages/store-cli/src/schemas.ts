// The records that store-cli reads and writes. Pure: no I/O.
import * as v from 'valibot'
import { endRecord } from '@plumbline/common/records/end'
import { errorRecord } from '@plumbline/common/records/error'
import { derivationRecord } from './derivation-record.ts'

const path = v.looseObject({
  type: v.literal('path'),
  path: v.nullable(v.string()),
  valid: v.optional(v.boolean()),
  hash: v.optional(v.string()),
  source: v.optional(v.string()),
  root: v.optional(v.nullable(v.string())),
  narinfo: v.optional(v.string()),
})

const pathInfo = v.looseObject({
  type: v.literal('path-info'),
  path: v.string(),
  hash: v.string(),
  deriver: v.nullable(v.string()),
  references: v.array(v.string()),
  registered: v.string(),
  nar_size: v.number(),
})

const substitute = v.looseObject({
  type: v.literal('substitute'),
  path: v.string(),
  deriver: v.nullable(v.string()),
  references: v.array(v.string()),
  download_bytes: v.nullable(v.number()),
  nar_bytes: v.nullable(v.number()),
})

export const schemas = {
  reads: { path, 'path-info': pathInfo, derivation: derivationRecord, error: errorRecord, end: endRecord },
  writes: {
    path,
    'path-info': pathInfo,
    substitute,
    root: v.looseObject({ type: v.literal('root'), link: v.string(), path: v.string() }),
    derivation: derivationRecord,
    pong: v.looseObject({ type: v.literal('pong'), address: v.nullable(v.string()) }),
    error: errorRecord,
    end: endRecord,
  },
} as const
