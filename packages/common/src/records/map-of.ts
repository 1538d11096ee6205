// A schema for an object with any keys.
// Pure: no I/O.
import * as v from 'valibot'

type Key = v.BaseSchema<string, string | number | symbol, v.BaseIssue<unknown>>
type Value = v.GenericSchema

/** v.record(), which also takes an array, for an object with the keys 0, 1, 2…; this one does not. */
export function mapOf<K extends Key, V extends Value>(key: K, value: V): v.RecordSchema<K, V, undefined> {
  const schema = v.record(key, value)
  const run: (typeof schema)['~run'] = (dataset, config) => {
    if (!Array.isArray(dataset.value)) return schema['~run'](dataset, config)
    v._addIssue(schema, 'type', dataset, config)
    // It has become one of what is wrong.
    return dataset as unknown as ReturnType<typeof run>
  }
  return { ...schema, '~run': run }
}
