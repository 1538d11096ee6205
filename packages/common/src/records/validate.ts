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
  return { mismatches: result.issues.map((issue) => toMismatch(issue, schema)) }
}

function toMismatch(issue: v.BaseIssue<unknown>, schema: object): Mismatch {
  const field = v.getDotPath(issue) ?? ''
  if (issue.kind !== 'schema') return { field, reason: issue.message }
  if (issue.type === 'strict_object' && issue.expected === 'never') return { field, reason: 'not known' }
  const missing = issue.received === 'undefined'
  // A schema's own sentence says more than the shapes that valibot lists.
  if (!missing && !issue.message.startsWith('Invalid '))
    return { field, reason: `${issue.message}, found ${issue.received}` }
  // Of a missing key the issue says no more than its name, as if that were what is expected.
  const expects = issue.path?.at(-1)?.origin === 'key' ? expectedAt(schema, issue.path) : issue.expected
  const expected = expects === undefined ? '' : `expected ${expects}`
  if (missing) return { field, reason: ['missing', expected].filter(Boolean).join(', ') }
  return { field, reason: `${expected || 'unexpected'}, found ${issue.received}` }
}

/** The parts of a valibot schema through which a path leads. */
type Part = {
  expects?: string
  wrapped?: Part
  entries?: Readonly<Record<string, Part>>
  item?: Part
  value?: Part
  /** Of a lazy schema: the one for that value. */
  getter?: (input: unknown) => Part
  /** Of a variant: its alternatives, told apart by the field `key`. */
  options?: readonly Part[]
  key?: string
}

function expectedAt(schema: object, path: readonly v.IssuePathItem[]): string | undefined {
  let part: Part | undefined = schema
  for (const { key, input } of path) part = part && step(part, String(key), input)
  return part?.expects
}

function step(part: Part, name: string, input: unknown): Part | undefined {
  if (part.wrapped) return step(part.wrapped, name, input)
  if (part.getter) return step(part.getter(input), name, input)
  if (part.options) {
    const option = part.options.find((each) => isMeant(each.entries?.[part.key ?? ''], part.key, input))
    return option && step(option, name, input)
  }
  return part.entries ? part.entries[name] : (part.item ?? part.value)
}

function isMeant(discriminator: Part | undefined, key = '', input: unknown): boolean {
  const told = (input as Readonly<Record<string, unknown>>)[key]
  return discriminator !== undefined && v.is(discriminator as v.GenericSchema, told)
}

/** `field "mode": expected string, found 644`, for a sentence. */
export function formatMismatch({ field, reason }: Mismatch): string {
  return field ? `field "${field}": ${reason}` : reason
}
