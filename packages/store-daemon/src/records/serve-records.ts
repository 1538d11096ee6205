// Serves one connection that speaks records: one request a line, answered in order. A line that is wrong is answered
// with an error record, and the next line is read.
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { LineInvalid, makeDecoder, type Decode } from '@plumbline/common/ndjson/decode'
import { encodeRecord, type OutRecord } from '@plumbline/common/ndjson/encode'
import { LineSplitter, LineTooLong, type Line } from '@plumbline/common/ndjson/line-splitter'
import { defaultMaxLine } from '@plumbline/common/ndjson/read'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { formatMismatch, validate } from '@plumbline/common/records/validate'
import { fromByteString } from '@plumbline/common/store/byte-string'
import { toWire } from '@plumbline/common/store/wire/wire-writer'
import type { ByteReader } from '@plumbline/common/store/wire/byte-reader'
import { Disconnected } from '@plumbline/common/store/wire/byte-reader'
import type { Session } from '../session.ts'
import { operations, type Answer, type Tell } from './operations.ts'
import { requestSchemas, type Requests } from './schemas.ts'

export type RecordConnection = { socket: Duplex; reader: ByteReader; open: () => Promise<Session> }

const input = 'the connection'
const maxUntaken = 4 * 1024 * 1024

export async function serveRecords({ socket, reader, open }: RecordConnection): Promise<void> {
  const splitter = new LineSplitter(defaultMaxLine)
  const decode = await makeDecoder()
  const write = (record: OutRecord) => send(socket, encodeRecord(record))
  const answerAll = async (lines: Iterable<Line>) => {
    for (const line of lines) await answerLine(line, decode, open, write, socket)
  }
  try {
    for (;;) {
      const more = await reader.hasMore()
      if (!more) break
      await answerAll(splitter.push(await reader.chunk()))
    }
    await answerAll(splitter.end())
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error
    const reason = error.message
    await write(
      makeErrorRecord('store-daemon', new ToolError('RECORD_INVALID', { input, line: error.line, reason })),
    )
  }
}

async function answerLine(
  line: Line,
  decode: Decode,
  open: () => Promise<Session>,
  write: Answer,
  socket: Duplex,
): Promise<void> {
  let id: string | undefined
  const answer: Answer = (record) => write(id === undefined ? record : { ...record, id })
  // Nobody waits for these, so that a failure would be nobody's.
  const tell: Tell = (record) => {
    if (!socket.destroyed && socket.writable && socket.writableLength < maxUntaken) void answer(record)
  }
  try {
    const record = decodeLine(line, decode)
    if (!record) return
    if (typeof record['id'] === 'string') id = record['id']
    const session = await open()
    session.log = (level, message) => {
      if (level === 0) tell({ type: 'log', level, message: toText(message) })
    }
    const { type, request } = checkRequest(record, line.number)
    // The table's types say that request and operation belong together; a lookup by name cannot.
    const operation = operations[type] as (
      session: Session,
      request: unknown,
      answer: Answer,
      tell: Tell,
    ) => void | Promise<void>
    await operation(session, request, answer, tell)
  } catch (error) {
    if (error instanceof Disconnected) throw error
    const known = toToolError(error)
    await answer(makeErrorRecord('store-daemon', known, { message: toText(known.message) }))
  }
}

/** Of a message in which paths are byte strings. */
function toText(message: string): string {
  return fromByteString(toWire(message))
}

function decodeLine(line: Line, decode: Decode) {
  try {
    return decode(line)
  } catch (error) {
    if (!(error instanceof LineInvalid)) throw error
    throw new ToolError('RECORD_INVALID', { input, line: line.number, reason: error.message })
  }
}

function checkRequest(record: { readonly [key: string]: unknown }, line: number) {
  const invalid = (reason: string) => new ToolError('RECORD_INVALID', { input, line, reason })
  const { type } = record
  if (type === undefined) throw invalid('"type" is missing')
  if (typeof type !== 'string' || !Object.hasOwn(requestSchemas, type)) {
    throw invalid(`there is no operation ${JSON.stringify(type)}`)
  }
  const known = type as keyof Requests
  const result = validate<unknown>(requestSchemas[known], record)
  if ('mismatches' in result) throw invalid(result.mismatches.map(formatMismatch).join('; '))
  return { type: known, request: result.value }
}

function send(socket: Duplex, text: string): void | Promise<void> {
  if (socket.destroyed || !socket.writable) throw new Disconnected()
  if (socket.write(text)) return undefined
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}
