// The record that ends a stream which reports work. Pure: no I/O.
import * as v from 'valibot'

export const endRecord = v.looseObject({
  type: v.literal('end'),
  tool: v.string(),
  ok: v.boolean(),
  counts: v.record(v.string(), v.number()),
})
