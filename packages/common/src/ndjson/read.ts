// A stream of bytes to batches of records, one batch a chunk: a generator step per record costs more than the
// parsing. An error comes after the records before it have been handed out.
import { ToolError } from '../error/tool-error.ts'
import { LineInvalid, makeDecoder, type WireRecord } from './decode.ts'
import { LineSplitter, LineTooLong, type Line } from './line-splitter.ts'

export type ReadRecord = { record: WireRecord; line: number }
export type ReadOptions = { input: string; maxLine?: number }

/** 1 MiB, LF not counted: design §1. */
export const defaultMaxLine = 1024 * 1024

/** Batches of records with their line numbers. Throws RECORD_INVALID, RECORD_TRUNCATED. */
export async function* readRecords(
  source: AsyncIterable<Buffer>,
  { input, maxLine = defaultMaxLine }: ReadOptions,
): AsyncGenerator<ReadRecord[]> {
  const splitter = new LineSplitter(maxLine)
  const decode = await makeDecoder()
  const decodeAll = function* (lines: Iterable<Line>): Generator<ReadRecord> {
    for (const line of lines) {
      try {
        const record = decode(line)
        if (record) yield { record, line: line.number }
      } catch (error) {
        throw atLine(error, input, line.number)
      }
    }
  }
  for await (const chunk of source) yield* batch(decodeAll(splitter.push(chunk)), input)
  yield* batch(decodeAll(splitter.end()), input)
}

function* batch(records: Iterable<ReadRecord>, input: string): Generator<ReadRecord[]> {
  const good: ReadRecord[] = []
  let failure: unknown
  try {
    for (const record of records) good.push(record)
  } catch (error) {
    failure = error instanceof LineTooLong ? atLine(error, input, error.line) : error
  }
  if (good.length > 0) yield good
  if (failure) throw failure
}

function atLine(error: unknown, input: string, line: number): unknown {
  if (error instanceof LineInvalid && error.truncated)
    return new ToolError('RECORD_TRUNCATED', { input, line })
  if (error instanceof LineInvalid || error instanceof LineTooLong) {
    return new ToolError('RECORD_INVALID', { input, line, reason: error.message })
  }
  return error
}
