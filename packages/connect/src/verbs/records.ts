// The records of work by hand, when it is on several hosts.
// Pure: no I/O.
import * as v from 'valibot'

export const outputRecord = v.looseObject({
  type: v.literal('output'),
  host: v.string(),
  stream: v.picklist(['stdout', 'stderr']),
  data: v.optional(v.string()),
  data_base64: v.optional(v.string()),
})

export const exitRecord = v.looseObject({ type: v.literal('exit'), host: v.string(), status: v.number() })

export const fileRecord = v.looseObject({
  type: v.literal('file'),
  host: v.string(),
  path: v.optional(v.string()),
  path_base64: v.optional(v.string()),
  bytes: v.number(),
})
