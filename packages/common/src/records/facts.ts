// Facts of a connection: what is known of the place where it leads, by looking.
// Pure: no I/O.
import * as v from 'valibot'
import { mapOf } from './map-of.ts'

const word = v.nullable(v.string())
const number = v.nullable(v.number())

const entries = {
  user: v.string(),
  uid: v.number(),
  gid: number,
  home: v.string(),
  /** The login shell of the account. */
  shell: word,
  /** The kernel's name in small letters: linux, freebsd, darwin. */
  os: word,
  /** As uname -m has it. */
  arch: word,
  /** ID and VERSION_ID of os-release(5). */
  distribution: word,
  version: word,
  /** What runs it when it is a container: docker, podman, lxc, systemd-nspawn. */
  container: word,
}

export type FactName = keyof typeof entries

export const factNames = Object.keys(entries) as FactName[]

export const factName = v.picklist(factNames, `expected one of ${factNames.join(', ')}`)

const all = v.object(entries)

export type Facts = v.InferOutput<typeof all>

/** Any of them: those that were asked for. */
export const someFacts = v.partial(all)

export const factsRecord = v.looseObject({
  type: v.literal('facts'),
  host: v.string(),
  ...someFacts.entries,
})

export function pickFacts(facts: Partial<Facts>, names: readonly FactName[]): Partial<Facts> {
  return Object.fromEntries(names.map((name) => [name, facts[name]])) as Partial<Facts>
}

const value = v.nullable(v.union([v.string(), v.number()]), 'expected a text, a number, or null')

/** Facts that must be so: each has the value given, or one of them. */
export const factConditions = mapOf(
  factName,
  v.union([value, v.array(value)], 'expected a value, or a list of them'),
)

export type FactConditions = v.InferOutput<typeof factConditions>

export function namesOf(conditions: FactConditions): FactName[] {
  return factNames.filter((name) => conditions[name] !== undefined)
}

export function meetsConditions(facts: Partial<Facts>, conditions: FactConditions): boolean {
  return namesOf(conditions).every((name) => {
    const wanted = conditions[name]
    const fact = facts[name] ?? null
    return Array.isArray(wanted) ? wanted.some((each) => each === fact) : wanted === fact
  })
}
