// The paths that a command works on: its operands, else lines of standard input, each a path or a record that has
// one. With --null they are separated by NUL, as `find -print0` writes them.
import { isInputAbsent, readInput } from '@plumbline/common/cli/input'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { makeDecoder, type WireRecord } from '@plumbline/common/ndjson/decode'
import { LineSplitter, type Line } from '@plumbline/common/ndjson/line-splitter'
import { defaultMaxLine } from '@plumbline/common/ndjson/read'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import type { Context } from './context.ts'

/** Batches of paths as text. Throws TERMINAL_INPUT, RECORD_INVALID. */
export async function* readPaths(context: Context): AsyncGenerator<string[]> {
  const operands = context.operands
  if (operands.length > 0 && !operands.includes('-')) {
    yield [...operands]
    return
  }
  if (operands.length === 0 && isInputAbsent()) throw new ToolError('TERMINAL_INPUT', { what: 'paths' })
  if (context.has('null')) {
    yield* readNames()
    return
  }
  const splitter = new LineSplitter(defaultMaxLine)
  const decode = await makeDecoder()
  const take = async (lines: Iterable<Line>) => {
    const paths: string[] = []
    for (const line of lines) {
      const path = await readLine(context, line, decode)
      if (path !== undefined) paths.push(path)
    }
    return paths
  }
  for await (const chunk of readInput('-')) yield await take(splitter.push(chunk))
  yield await take(splitter.end())
}

async function readLine(
  context: Context,
  line: Line,
  decode: (line: Line) => WireRecord | undefined,
): Promise<string | undefined> {
  const text = line.bytes.toString('utf8')
  if (!text.startsWith('{')) return text.trim() === '' ? undefined : text
  let record: WireRecord | undefined
  try {
    record = decode(line)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ToolError('RECORD_INVALID', { input: 'standard input', line: line.number, reason })
  }
  const path = record?.['path']
  if (record?.type === 'error' || (record?.type === 'end' && record['ok'] === false)) {
    // What failed upstream has failed here too.
    context.status = exitStatus.someFailed
  }
  if (typeof path === 'string' && record?.type !== 'error') return path
  if (record && record.type !== 'end') await context.emit(record as OutRecord)
  return undefined
}

async function* readNames(): AsyncGenerator<string[]> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of readInput('-')) {
    const names = (rest + decoder.decode(chunk, { stream: true })).split('\0')
    rest = names.pop() ?? ''
    yield names.filter((name) => name !== '')
  }
  if (rest !== '') yield [rest]
}
