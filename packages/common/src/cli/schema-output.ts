// `--schema`: the JSON Schemas of the records that a program reads and writes, made from the same valibot schemas
// that check them.
import type { GenericSchema } from 'valibot'
import type { OutRecord } from '../ndjson/encode.ts'

export type SchemaTable = {
  reads: Readonly<Record<string, GenericSchema>>
  writes: Readonly<Record<string, GenericSchema>>
}

/** One `schema` record per record type and direction. */
export async function schemaRecords(table: SchemaTable): Promise<OutRecord[]> {
  const { toJsonSchema } = await import('@valibot/to-json-schema')
  return (['reads', 'writes'] as const).flatMap((direction) =>
    Object.entries(table[direction]).map(([name, schema]) => ({
      type: 'schema',
      name,
      direction,
      schema: toJsonSchema(schema, { errorMode: 'ignore' }),
    })),
  )
}
