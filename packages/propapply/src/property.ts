// What a property is: a state of a machine, described by fields, established by a function of the shell library.
// Pure: no I/O.
import * as v from 'valibot'
import { validate, type Mismatch } from '@plumbline/common/records/validate'

/** A function of the shell library and its arguments. */
export type Call = readonly [name: string, ...args: string[]]

/** Bytes that the far side asks for when it needs them. */
export type Upload = { bytes: number; open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array> }

export type Action = { call: Call; upload?: Upload }

/** Where an application was written: paths of this machine are relative to its site file; and its one host, if any. */
export type Place = { directory: string; host: string | undefined }

/** A property with its fields filled in. Making an action may read files of this machine. */
export type BoundProperty = {
  desc: string
  apply: (place: Place) => Action | Promise<Action>
  unapply: ((place: Place) => Action | Promise<Action>) | undefined
}

type Fields<E extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<E, undefined>>

type Definition<E extends v.ObjectEntries> = {
  name: string
  summary: string
  fields: E
  /** What one field cannot say alone: a sentence when the fields do not go together. */
  check?: (fields: Fields<E>) => Mismatch | undefined
  describe: (fields: Fields<E>) => string
  apply: (fields: Fields<E>, place: Place) => Action | Promise<Action>
  unapply?: (fields: Fields<E>, place: Place) => Action | Promise<Action>
  /** What a user has to know beyond the summary. */
  notes: readonly string[]
  example: Readonly<Record<string, unknown>>
}

export type Property = {
  name: string
  summary: string
  fields: v.ObjectEntries
  notes: readonly string[]
  example: Readonly<Record<string, unknown>>
  canUnapply: boolean
  bind: (fields: unknown) => { value: BoundProperty } | { mismatches: Mismatch[] }
}

/** A property of the catalogue; from here on its fields are known to nobody else. */
export function defineProperty<const E extends v.ObjectEntries>(definition: Definition<E>): Property {
  const { name, summary, fields, notes, example, check, describe, apply, unapply } = definition
  const schema = v.object(fields) as unknown as v.GenericSchema<unknown, Fields<E>>
  return {
    name,
    summary,
    fields,
    notes,
    example,
    canUnapply: unapply !== undefined,
    bind: (given) => {
      const checked = validate(schema, given)
      if ('mismatches' in checked) return checked
      const mismatch = check?.(checked.value)
      if (mismatch) return { mismatches: [mismatch] }
      return {
        value: {
          desc: describe(checked.value),
          apply: (place) => apply(checked.value, place),
          unapply: unapply && ((place) => unapply(checked.value, place)),
        },
      }
    },
  }
}
