// One item of a site against the catalogue: the application, or every fault in it.
import { parseDuration } from '@plumbline/common/cli/duration'
import { suggestName } from '@plumbline/common/cli/suggest-name'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { FactConditions } from '@plumbline/common/records/facts'
import { propertyApplication } from '@plumbline/common/records/property'
import { formatMismatch, validate, type Mismatch } from '@plumbline/common/records/validate'
import { describeField } from './describe-field.ts'
import { properties } from './properties.ts'
import type { Action, Property } from './property.ts'
import type { SiteItem } from './site/item.ts'

/** What is to be done, on which host: all that the plan needs to know. */
export type Application = {
  property: string
  desc: string
  host: string | undefined
  /** Facts of the host that must be so. */
  where: FactConditions | undefined
  timeoutMs: number | undefined
  action: Action
}

export type Checked = { application: Application } | { faults: string[] }

/** Fields that every property takes. */
const commonFields = ['type', 'property', 'host', 'where', 'desc', 'timeout']

/** What is usually meant when a field is of the wrong type. */
const hints: Readonly<Partial<Record<string, string>>> = {
  mode: 'a mode is a string in octal, such as "0644": JSON and YAML read 0644 as another number or none',
  timeout: 'a time with its unit, such as "30s"',
  owner: 'an id is given as a string',
  group: 'an id is given as a string',
}

/** Reads the files of this machine that the application names; `unapply` asks for its undoing. */
export async function checkApplication(item: SiteItem, unapply: boolean): Promise<Checked> {
  const { value } = item
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { faults: [`${item.where()}: expected an object`] }
  }
  const given = value as Readonly<Record<string, unknown>>
  const name = given['property']
  const property = typeof name === 'string' ? properties.get(name) : undefined
  const say = (mismatch: Mismatch) => {
    const explained = explain(mismatch, given, property)
    return `${item.where(mismatch.field || undefined)}: ${formatMismatch(explained)}`
  }
  const common = validate(propertyApplication, given)
  const mismatches = 'mismatches' in common ? common.mismatches : []
  const timeoutMs = parseTimeout(given['timeout'])
  if (timeoutMs === null) mismatches.push({ field: 'timeout', reason: 'expected a time such as "30s"' })
  if (!property) {
    if (typeof name === 'string') {
      const near = suggestName(name, [...properties.keys()])
      mismatches.push({ field: 'property', reason: `there is no "${name}"${near ? ` (${near})` : ''}` })
    }
    return { faults: mismatches.map(say) }
  }
  mismatches.push(...unknownFields(given, Object.keys(property.fields)))
  const bound = property.bind(given)
  if ('mismatches' in bound) mismatches.push(...bound.mismatches)
  if (unapply && !property.canUnapply) {
    mismatches.push({ field: 'property', reason: `${property.name} cannot be unapplied` })
  }
  if (mismatches.length > 0 || 'mismatches' in bound) return { faults: mismatches.map(say) }
  const make = unapply ? bound.value.unapply : bound.value.apply
  try {
    const { host, where, desc } = given as { host?: string; where?: FactConditions; desc?: string }
    const action = await make?.({ directory: item.directory, host })
    if (!action) return { faults: [] }
    const application = { property: property.name, host, where, timeoutMs: timeoutMs ?? undefined, action }
    return { application: { ...application, desc: desc ?? bound.value.desc } }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    return { faults: [say({ field: 'data' in given ? 'data' : 'source', reason: error.message })] }
  }
}

/** The same with what was expected there, what was found, and what was probably meant. */
function explain(
  { field, reason }: Mismatch,
  given: Readonly<Record<string, unknown>>,
  property: Property | undefined,
): Mismatch {
  const schema = property && Object.hasOwn(property.fields, field) ? property.fields[field] : undefined
  const expected = schema && describeField(schema).replace('optional, ', '')
  if (reason.startsWith('missing, expected') && expected && !(field in given)) {
    return { field, reason: `missing, expected ${expected}` }
  }
  const hint = reason.includes(', found') && hints[field] ? ` (${hints[field]})` : ''
  if (reason.startsWith('expected (')) return { field, reason: `expected ${expected}${hint}` }
  const value = given[field]
  if (!reason.startsWith('expected') || reason.includes(', found') || typeof value !== 'string') {
    return { field, reason: reason + hint }
  }
  return { field, reason: `${reason}, found ${JSON.stringify(value.slice(0, 60))}` }
}

/** Milliseconds above 0; undefined when not given, null when it is none. */
function parseTimeout(timeout: unknown): number | undefined | null {
  if (typeof timeout !== 'string') return undefined
  return parseDuration(timeout) || null
}

function unknownFields(given: Readonly<Record<string, unknown>>, fields: readonly string[]): Mismatch[] {
  const known = [...fields, ...commonFields]
  return Object.keys(given)
    .filter((field) => !known.includes(field))
    .map((field) => {
      const near = suggestName(field, known)
      const list = `it takes ${fields.join(', ')}`
      return { field, reason: `there is no such field (${near ?? list})` }
    })
}
