// The records that `connect` reads and writes.
// Pure: no I/O.
import type { SchemaTable } from '@plumbline/common/cli/schema-output'
import { connectionRecord } from '@plumbline/common/records/connection'
import { endRecord } from '@plumbline/common/records/end'
import { errorRecord } from '@plumbline/common/records/error'
import { factsRecord } from '@plumbline/common/records/facts'
import { answerRecord, requestRecord } from '@plumbline/common/records/verb'
import { exitRecord, fileRecord, outputRecord } from './verbs/records.ts'

export const schemas: SchemaTable = {
  reads: { connection: connectionRecord, error: errorRecord, end: endRecord, request: requestRecord },
  writes: {
    connection: connectionRecord,
    output: outputRecord,
    exit: exitRecord,
    file: fileRecord,
    facts: factsRecord,
    error: errorRecord,
    end: endRecord,
    answer: answerRecord,
  },
}
