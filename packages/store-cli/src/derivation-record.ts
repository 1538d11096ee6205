// A derivation as a record.
// Pure: no I/O.
import * as v from 'valibot'
import { mapOf } from '@plumbline/common/records/map-of'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { storeName } from '@plumbline/common/store/store-path'

const output = v.strictObject({
  path: v.optional(v.nullable(v.string()), null),
  hash_algorithm: v.optional(v.nullable(v.string()), null),
  hash: v.optional(v.nullable(v.string()), null),
})

/** Strict: what is misspelled would make another derivation, and nobody would notice. */
export const derivationRecord = v.strictObject({
  type: v.literal('derivation'),
  /** Where it is; not looked at when one is made. */
  path: v.optional(v.string()),
  name: v.string(),
  /** The store that the paths are for, when it is not /gnu/store. */
  store: v.optional(v.string()),
  outputs: v.optional(mapOf(v.string(), output), { out: {} }),
  input_derivations: v.optional(mapOf(v.string(), v.array(v.string())), {}),
  input_sources: v.optional(v.array(v.string()), []),
  system: v.string(),
  builder: v.string(),
  args: v.optional(v.array(v.string()), []),
  env: v.optional(mapOf(v.string(), v.string()), {}),
})

export type DerivationRecord = v.InferOutput<typeof derivationRecord>

export function fromRecord(record: DerivationRecord): Derivation {
  return {
    outputs: Object.entries(record.outputs).map(([name, { path, hash_algorithm, hash }]) => ({
      name: toByteString(name),
      path: toByteString(path ?? ''),
      hashAlgorithm: hash_algorithm ?? '',
      hash: hash ?? '',
    })),
    inputDerivations: Object.entries(record.input_derivations).map(([path, outputs]) => ({
      path: toByteString(path),
      outputs: outputs.map(toByteString),
    })),
    inputSources: record.input_sources.map(toByteString),
    system: toByteString(record.system),
    builder: toByteString(record.builder),
    args: record.args.map(toByteString),
    environment: Object.entries(record.env).map(([name, value]) => [toByteString(name), toByteString(value)]),
  }
}

export function toRecord(path: string, derivation: Derivation): OutRecord {
  const text = fromByteString
  return {
    type: 'derivation',
    path: text(path),
    name: text(storeName(path)).replace(/\.drv$/, ''),
    outputs: Object.fromEntries(
      derivation.outputs.map(({ name, path: out, hashAlgorithm, hash }) => [
        text(name),
        { path: text(out), hash_algorithm: hashAlgorithm || null, hash: hash || null },
      ]),
    ),
    input_derivations: Object.fromEntries(
      derivation.inputDerivations.map(({ path: input, outputs }) => [text(input), outputs.map(text)]),
    ),
    input_sources: derivation.inputSources.map(text),
    system: text(derivation.system),
    builder: text(derivation.builder),
    args: derivation.args.map(text),
    env: Object.fromEntries(derivation.environment.map(([name, value]) => [text(name), text(value)])),
  }
}
