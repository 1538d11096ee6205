// The records that propapply reads and writes, for --schema.
import * as v from 'valibot'
import type { SchemaTable } from '@plumbline/common/cli/schema-output'
import { connectionRecord } from '@plumbline/common/records/connection'
import { endRecord } from '@plumbline/common/records/end'
import { errorRecord } from '@plumbline/common/records/error'
import { propertyApplication, propertyRecord } from '@plumbline/common/records/property'
import { properties } from './properties.ts'

const applications = Object.fromEntries(
  [...properties.values()].map(({ name, fields }) => [
    name,
    v.object({ ...propertyApplication.entries, property: v.literal(name), ...fields }) as v.GenericSchema,
  ]),
)

/** What --list says of each property. */
const propertyKind = v.looseObject({
  type: v.literal('property-kind'),
  property: v.string(),
  summary: v.string(),
  fields: v.array(v.string()),
  unapply: v.boolean(),
})

export const schemas: SchemaTable = {
  reads: { connection: connectionRecord, error: errorRecord, end: endRecord, ...applications },
  writes: { property: propertyRecord, 'property-kind': propertyKind, error: errorRecord, end: endRecord },
}
