// A record against its schema: the typed value, or where it differs and what was expected.
// Pure: no I/O.
import * as v from 'valibot'

export type Mismatch = { field: string; reason: string }
export type Validated<T> = { value: T } | { mismatches: Mismatch[] }

type AnySchema<T> = v.GenericSchema<unknown, T>

/** The value, or every field that does not fit. */
export function validate<T>(schema: AnySchema<T>, value: unknown): Validated<T> {
  const result = v.safeParse(schema, value)
  if (result.success) return { value: result.output }
  return { mismatches: result.issues.map(toMismatch) }
}

function toMismatch(issue: v.BaseIssue<unknown>): Mismatch {
  const field = v.getDotPath(issue) ?? ''
  const missing = issue.kind === 'schema' && issue.received === 'undefined'
  const expected = (issue.expected ?? 'another value').replaceAll('"', "'")
  if (missing) return { field, reason: `missing, expected ${expected}` }
  if (issue.kind === 'schema') return { field, reason: `expected ${expected}, found ${issue.received}` }
  return { field, reason: issue.message }
}

/** "field "mode": expected string, found 644" for a sentence. */
export function formatMismatch({ field, reason }: Mismatch): string {
  return field ? `field "${field}": ${reason}` : reason
}
