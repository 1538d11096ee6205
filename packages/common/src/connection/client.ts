// A connection that another process serves: the four verbs as requests on its socket, or on any stream to it.
import { connect, type Socket } from 'node:net'
import { finished, type Duplex, type Readable } from 'node:stream'
import { ToolError } from '../error/tool-error.ts'
import { errnoOf, reasonOf, toToolError } from '../error/translate.ts'
import { encodeBulk, fewBytes } from '../ndjson/bulk.ts'
import { bytesField } from '../ndjson/bytes.ts'
import type { WireRecord } from '../ndjson/decode.ts'
import { encodeRecord, type OutRecord } from '../ndjson/encode.ts'
import { readRecords } from '../ndjson/read.ts'
import { textField } from '../process/byte-text.ts'
import type { ConnectionRecord } from '../records/connection.ts'
import { pickFacts, someFacts, type FactName, type Facts } from '../records/facts.ts'
import { formatMismatch, validate } from '../records/validate.ts'
import { longestRequest, windowBytes } from '../records/verb.ts'
import { Call } from './call.ts'
import { removeStaleSocket } from './stale-socket.ts'
import type { Change, Connection, Running, RunRequest, WriteOptions } from './connection.ts'

/** A backlog that is full answers EAGAIN at once instead of letting a non-blocking connect wait. */
const backlogTries = 100
const backlogMs = 10

/** Connects to the socket that the record names. Throws SOCKET_UNAVAILABLE. */
export async function openClient(record: ConnectionRecord): Promise<Connection> {
  const lost = () => 'the connect that served it has ended'
  // A server that was killed has left its socket behind, and nobody else may ever come by.
  const clear = () => removeStaleSocket(record.socket)
  const serving = { host: record.host, agent: record.kind === 'agent', lost, clear }
  const socket = await openSocket(record.socket)
  // A blank line says that we are a client, and no probe of whether somebody listens.
  socket.write('\n')
  return new ServedConnection(socket, serving)
}

/** What is at the other end: `lost` says why its end of the stream ends early; `clear` removes what that leaves. */
export type Serving = { host: string; agent: boolean; lost: () => string; clear?: () => Promise<void> }

/** The same over a stream that leads to an agent. */
export function openStream(stream: Duplex, serving: Serving): Connection {
  return new ServedConnection(stream, serving)
}

async function openSocket(path: string): Promise<Socket> {
  for (let tries = 1; ; tries++) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect(path, () => resolve(socket)).once('error', reject)
      })
    } catch (error) {
      const full = errnoOf(error) === 'EAGAIN' && tries < backlogTries
      if (errnoOf(error) === 'ECONNREFUSED') await removeStaleSocket(path, 1)
      if (!full)
        throw new ToolError('SOCKET_UNAVAILABLE', { socket: path, reason: explain(error) }, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, backlogMs))
    }
  }
}

function explain(error: unknown): string {
  const gone = ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')
  return gone ? 'the connect that served it has ended' : reasonOf(error)
}

const quickly = { window: windowBytes, encoding: 'base64' }

class ServedConnection implements Connection {
  readonly #stream: Duplex
  readonly #serving: Serving
  readonly #calls = new Map<string, Call>()
  readonly fork?: (changes: readonly Change[]) => Running
  readonly evaluate?: (source: string, argument: unknown) => Promise<unknown>
  readonly lost: Promise<ToolError>
  #tellLost: (error: ToolError) => void = () => undefined
  #count = 0
  #lost: ToolError | undefined
  #cleared: Promise<void> | undefined

  constructor(stream: Duplex, serving: Serving) {
    this.#stream = stream
    this.#serving = serving
    this.lost = new Promise((resolve) => (this.#tellLost = resolve))
    if (serving.agent) {
      this.fork = (changes) => this.#start({ type: 'fork', changes })
      this.evaluate = (source, argument) => this.#evaluate(source, argument)
    }
    stream.on('error', () => undefined)
    void this.#read()
  }

  run(request: RunRequest): Running {
    return this.#start({ type: 'run', ...toFields(request) })
  }

  #start(request: OutRecord): Running {
    const call = this.#call({ ...request, input_follows: true, ...quickly })
    const status = call.last.then(readStatus)
    status.catch(() => undefined)
    return {
      stdin: call.input,
      stdout: call.output('stdout'),
      stderr: call.output('stderr'),
      status,
      cancel: call.cancel,
      leave: call.leave,
    }
  }

  async runlines(request: RunRequest): Promise<string[]> {
    const call = this.#call({ type: 'runlines', ...toFields(request) })
    await call.last
    return call.lines
  }

  async #evaluate(source: string, argument: unknown): Promise<unknown> {
    const { value } = await this.#call({ type: 'evaluate', source, argument }).last
    return value
  }

  async facts(names: readonly FactName[]): Promise<Partial<Facts>> {
    const answer = await this.#call({ type: 'facts', names }).last
    const checked = validate(someFacts, answer)
    if ('value' in checked) return pickFacts(checked.value as Partial<Facts>, names)
    const [first] = checked.mismatches
    throw new ToolError('PROTOCOL', {
      peer: 'the connection',
      reason: first ? formatMismatch(first) : 'these are no facts',
    })
  }

  readfile(path: string): Readable {
    return this.#call({ type: 'readfile', ...textField('path', path), ...quickly }).output('content')
  }

  async writefile(
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<void> {
    const call = this.#call({
      type: 'writefile',
      ...textField('path', path),
      ...options,
      input_follows: true,
    })
    const chunks = content[Symbol.asyncIterator]()
    // Content that does not come must not hide that nobody waits for it any more.
    const over = call.last.then(() => ({ done: true as const, value: undefined }))
    over.catch(() => undefined)
    try {
      for (;;) {
        const { done, value } = await Promise.race([chunks.next(), over])
        if (done) break
        await call.write(Buffer.from(value))
      }
      call.input.end()
    } catch (error) {
      call.cancel()
      await call.last.catch(() => undefined)
      throw toToolError(error)
    }
    await call.last
  }

  async close(): Promise<void> {
    // What was asked last is on its way before anybody may end the process.
    // Not end()'s own callback: from Node 24 on it is not called where a write was pending that will not be done.
    const sent = new Promise<void>((resolve) => finished(this.#stream, { readable: false }, () => resolve()))
    this.#stream.end()
    this.#lose(new ToolError('CONNECTION_LOST', { host: this.#serving.host, reason: 'it was closed' }))
    await Promise.all([sent, this.#cleared])
  }

  #call(request: OutRecord): Call {
    if (this.#lost) throw this.#lost
    const id = String(++this.#count)
    const call = new Call({
      send: (type, fields) => this.#send({ type, id, ...fields }),
      sendInput: (chunk) => this.#sendInput(id, chunk),
    })
    this.#calls.set(id, call)
    const forget = () => this.#calls.delete(id)
    call.last.then(forget, forget)
    this.#send({ ...request, id })
    return call
  }

  #sendInput(id: string, chunk: Buffer): void {
    if (chunk.length <= fewBytes) return this.#send({ type: 'input', id, ...bytesField('data', chunk) })
    if (!this.#lost) this.#stream.write(encodeBulk({ type: 'input', id }, chunk), 'latin1')
  }

  #send(record: OutRecord): void {
    if (!this.#lost) this.#stream.write(encodeRecord(record))
  }

  async #read(): Promise<void> {
    let reason: string | undefined
    try {
      for await (const batch of readRecords(this.#stream, {
        input: 'the connection',
        maxLine: longestRequest,
      })) {
        for (const { record } of batch) this.#calls.get(String(record['id']))?.receive(record)
      }
    } catch (error) {
      // A reset says no more than an end does.
      if (error instanceof ToolError) reason = error.message
    }
    reason ??= this.#serving.lost()
    const error = new ToolError('CONNECTION_LOST', { host: this.#serving.host, reason })
    if (!this.#lost) {
      this.#tellLost(error)
      this.#cleared = this.#serving.clear?.()
    }
    this.#lose(error)
    this.#stream.destroy()
  }

  #lose(error: ToolError): void {
    this.#lost ??= error
    for (const call of this.#calls.values()) call.fail(this.#lost)
  }
}

function readStatus({ status }: WireRecord): number {
  if (typeof status === 'number' && Number.isInteger(status) && status >= 0) return status
  throw new ToolError('PROTOCOL', { peer: 'the connection', reason: 'a command has ended without a status' })
}

function toFields({ command, cwd, env }: RunRequest): Record<string, unknown> {
  const where = cwd === undefined ? {} : textField('cwd', cwd)
  return { ...textField('command', command), ...where, ...(env && { env }) }
}
