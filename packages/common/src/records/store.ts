// What both store programs say of an item and of a root.
// Pure: no I/O.
import * as v from 'valibot'

export const pathInfoRecord = v.looseObject({
  type: v.literal('path-info'),
  path: v.string(),
  /** Of the nar, "sha256:" and nix-base32. */
  hash: v.string(),
  deriver: v.nullable(v.string()),
  references: v.array(v.string()),
  /** When it became valid. */
  registered: v.string(),
  nar_size: v.number(),
})

export const rootRecord = v.looseObject({
  type: v.literal('root'),
  link: v.optional(v.string()),
  link_base64: v.optional(v.string()),
  path: v.nullable(v.string()),
})
