// What propapply reads and writes: an application of a property, and what became of it on one host.
// Pure: no I/O.
import * as v from 'valibot'
import { factConditions } from './facts.ts'

/** One property applied: its name, what every property takes, and its own fields. */
export const propertyApplication = v.looseObject({
  type: v.optional(v.literal('property')),
  property: v.string(),
  host: v.optional(v.string()),
  where: v.optional(factConditions),
  desc: v.optional(v.string()),
  timeout: v.optional(v.string()),
})

export const propertyResults = ['ok', 'changed', 'failed', 'skipped'] as const

export type PropertyResult = (typeof propertyResults)[number]

export const propertyRecord = v.looseObject({
  type: v.literal('property'),
  host: v.string(),
  property: v.string(),
  desc: v.string(),
  result: v.picklist(propertyResults),
  ms: v.number(),
  /** A unified diff with --diff; diff_base64 in its place when it is not UTF-8. */
  diff: v.optional(v.nullable(v.string())),
  diff_base64: v.optional(v.string()),
  /** Why it failed or was skipped. */
  message: v.optional(v.string()),
})

export type PropertyRecord = v.InferOutput<typeof propertyRecord>
