// The record of one item's failure. Pure: no I/O.
import * as v from 'valibot'
import type { ToolError } from '../error/tool-error.ts'

export const errorRecord = v.looseObject({
  type: v.literal('error'),
  tool: v.string(),
  code: v.string(),
  message: v.string(),
  host: v.optional(v.nullable(v.string())),
  retryable: v.boolean(),
})

export type ErrorRecord = v.InferOutput<typeof errorRecord>

/** The error record of `error` as `tool` reports it; `more` adds host, id, hop and the like. */
export function makeErrorRecord(
  tool: string,
  error: ToolError,
  more: Record<string, unknown> = {},
): ErrorRecord {
  const { code, message, retryable } = error
  return { type: 'error', tool, code, message, host: null, retryable, ...more }
}
