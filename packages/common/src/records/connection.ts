// The record that a hop emits: an open connection, and where its socket is.
// Pure: no I/O.
import * as v from 'valibot'

export const connectionRecord = v.looseObject({
  type: v.literal('connection'),
  id: v.string(),
  host: v.string(),
  hops: v.array(v.string()),
  kind: v.picklist(['posix', 'agent']),
  socket: v.string(),
  user: v.string(),
  uid: v.number(),
  home: v.string(),
})

export type ConnectionRecord = v.InferOutput<typeof connectionRecord>
