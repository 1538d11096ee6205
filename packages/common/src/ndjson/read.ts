// A stream of bytes to batches of records, one batch a chunk: a generator step per record costs more than the
// parsing. An error comes after the records before it have been handed out.
import { ToolError } from '../error/tool-error.ts'
import { LineInvalid, makeDecoder, type WireRecord } from './decode.ts'
import { LineSplitter, LineTooLong, type Line } from './line-splitter.ts'

/** `bytes`: the line itself. */
export type ReadRecord = { record: WireRecord; line: number; bytes: Buffer }
export type ReadOptions = { input: string; maxLine?: number }

/** LF not counted. */
export const defaultMaxLine = 1024 * 1024

/** Batches of records with their line numbers. Throws RECORD_INVALID, RECORD_TRUNCATED. */
export async function* readRecords(
  source: AsyncIterable<Buffer>,
  options: ReadOptions,
): AsyncGenerator<ReadRecord[]> {
  const decode = await makeDecoder()
  yield* readLines(source, options, (line) => {
    const record = decode(line)
    return record && { record, line: line.number, bytes: line.bytes }
  })
}

/**
 * Batches of what `decode`, which may throw LineInvalid, makes of each line; a line of which it makes nothing is
 * skipped.
 */
export async function* readLines<T>(
  source: AsyncIterable<Buffer>,
  { input, maxLine = defaultMaxLine }: ReadOptions,
  decode: (line: Line) => T | undefined,
): AsyncGenerator<T[]> {
  const splitter = new LineSplitter(maxLine)
  for await (const chunk of source) yield* batch(splitter.push(chunk), decode, input)
  yield* batch(splitter.end(), decode, input)
}

function* batch<T>(
  lines: Iterable<Line>,
  decode: (line: Line) => T | undefined,
  input: string,
): Generator<T[]> {
  const good: T[] = []
  let failure: unknown
  let at = 0
  try {
    for (const line of lines) {
      at = line.number
      const decoded = decode(line)
      if (decoded !== undefined) good.push(decoded)
    }
  } catch (error) {
    failure = error instanceof LineTooLong ? atLine(error, input, error.line) : atLine(error, input, at)
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
