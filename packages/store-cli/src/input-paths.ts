// The paths that a command works on: its operands, `-` being standard input, else lines of standard input, each a path
// or a record that has one. With --null they are separated by NUL, as `find -print0` writes them.
import { isUtf8 } from 'node:buffer'
import { readInput } from '@plumbline/common/cli/input'
import { isTerminal } from '@plumbline/common/cli/terminal'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { LineInvalid, makeDecoder, type WireRecord } from '@plumbline/common/ndjson/decode'
import type { Line } from '@plumbline/common/ndjson/line-splitter'
import { passOn } from '@plumbline/common/ndjson/pass-on'
import { readLines } from '@plumbline/common/ndjson/read'
import { fieldText } from '@plumbline/common/process/byte-text'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import type { Context } from './context.ts'

const input = 'standard input'

/** Batches of paths as text. Throws TERMINAL_INPUT, RECORD_INVALID, RECORD_TRUNCATED. */
export async function* readPaths(
  context: Context,
  operands: readonly string[] = context.operands,
): AsyncGenerator<string[]> {
  if (operands.length === 0 && isTerminal(0)) throw new ToolError('TERMINAL_INPUT', { what: 'paths' })
  const dash = operands.length === 0 ? 0 : operands.indexOf('-')
  if (dash < 0) return yield [...operands]
  if (dash > 0) yield operands.slice(0, dash)
  yield* readStandardInput(context)
  // A second time there is nothing left on it.
  const rest = operands.slice(dash + 1).filter((operand) => operand !== '-')
  if (rest.length > 0) yield rest
}

async function* readStandardInput(context: Context): AsyncGenerator<string[]> {
  const bytes = readInput('-', context.tool.signal)
  if (context.has('null')) {
    yield* readNames(bytes)
    return
  }
  const decode = await makeDecoder()
  for await (const batch of readLines(bytes, { input }, (line) => readLine(line, decode))) {
    const paths: string[] = []
    for (const item of batch) {
      const path = typeof item === 'string' ? item : await takeRecord(context, item)
      if (path !== undefined) paths.push(path)
    }
    yield paths
  }
}

/** The same, all at once and as byte strings: what is asked of the daemon as one. */
export async function readAllPaths(context: Context, operands?: readonly string[]): Promise<string[]> {
  const paths: string[] = []
  for await (const batch of readPaths(context, operands)) paths.push(...batch.map(toByteString))
  return paths
}

type Read = { record: WireRecord; bytes: Buffer }

function readLine(line: Line, decode: (line: Line) => WireRecord | undefined): string | Read | undefined {
  if (!isUtf8(line.bytes)) throw new LineInvalid('not UTF-8', !line.terminated)
  const text = line.bytes.toString('utf8')
  if (/^\uFEFF?\{/.test(text)) {
    const record = decode(line)
    return record && { record, bytes: line.bytes }
  }
  return text.trim() === '' ? undefined : text
}

/** The path that a record names; a record without one is passed on. */
async function takeRecord(context: Context, { record, bytes }: Read): Promise<string | undefined> {
  const path = fieldText(record, 'path')
  if (record.type === 'error' || (record.type === 'end' && record['ok'] === false)) {
    // What failed upstream has failed here too.
    context.status = exitStatus.someFailed
  }
  if (path !== undefined && record.type !== 'error') return path
  if (record.type !== 'end') await context.emit(passOn(record, bytes))
  return undefined
}

async function* readNames(bytes: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = ''
  for await (const chunk of bytes) {
    const names = (rest + chunk.toString('latin1')).split('\0')
    rest = names.pop() ?? ''
    yield names.filter((name) => name !== '').map(fromByteString)
  }
  if (rest !== '') yield [fromByteString(rest)]
}
