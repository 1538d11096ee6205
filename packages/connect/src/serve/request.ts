// One request of a client: carried out on the connection, its output sent back as it comes.
import type { Readable, Writable } from 'node:stream'
import type { Change, Connection, Running, RunRequest } from '@plumbline/common/connection/connection'
import { Credit } from '@plumbline/common/connection/credit'
import { askFacts } from '@plumbline/common/connection/facts'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { fewBytes } from '@plumbline/common/ndjson/bulk'
import { bytesField, fieldBytes } from '@plumbline/common/ndjson/bytes'
import { fieldText } from '@plumbline/common/process/byte-text'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { factNames, type FactName, type Facts } from '@plumbline/common/records/facts'
import { chunkBytes, type RequestRecord } from '@plumbline/common/records/verb'
import { PassThrough } from 'node:stream'

export type FactSource = (names: readonly FactName[]) => Promise<Partial<Facts>>

/** Sends one answer, with `bytes` as its data; resolves when the client's socket can take more. */
export type Answer = (record: OutRecord, bytes?: Buffer) => Promise<void>

export class Request {
  readonly #id: string
  readonly #answer: Answer
  readonly #facts: FactSource
  #credit: Credit | undefined
  #quickly = false
  #input: Writable | undefined
  #cancel: () => void = () => undefined
  #leave: (() => unknown) | undefined
  /** It ends by itself, and nobody waits for its answer. */
  isLeft = false
  /** Resolves when the last answer has been sent. */
  readonly done: Promise<void>

  /** `facts`: else the connection is asked for them. */
  constructor(connection: Connection, request: RequestRecord, answer: Answer, facts?: FactSource) {
    this.#id = request.id
    this.#answer = answer
    this.#facts = facts ?? ((names) => askFacts(connection, names))
    this.done = this.#carryOut(connection, request)
      .catch((error) => answer({ ...makeErrorRecord('connect', toToolError(error)), id: this.#id }))
      .catch(() => undefined)
  }

  /** input, input_end, more, leave or cancel. */
  receive(record: RequestRecord): void {
    if (record.type === 'input') this.#take(fieldBytes(record, 'data') ?? Buffer.alloc(0))
    else if (record.type === 'input_end') this.#input?.end()
    else if (record.type === 'more') this.#credit?.grant(record.bytes)
    else if (record.type === 'cancel') this.cancel()
    else if (record.type === 'leave' && this.#leave) {
      this.isLeft = true
      this.#leave()
    }
  }

  cancel(): void {
    this.#cancel()
    this.#credit?.release()
  }

  /** Passes input on, and tells the client when there is room for more. */
  #take(bytes: Buffer): void {
    const tell = () => void this.#answer({ type: 'more', id: this.#id, bytes: bytes.length })
    if (this.#input?.writable) this.#input.write(bytes, tell)
    else tell()
  }

  async #carryOut(connection: Connection, request: RequestRecord): Promise<void> {
    if (request.type === 'run') return this.#run(connection.run(toRunRequest(request)), request)
    if (request.type === 'fork') return this.#run(fork(connection, request.changes), request)
    if (request.type === 'evaluate') return this.#evaluate(connection, request)
    if (request.type === 'runlines') return this.#runlines(connection, request)
    if (request.type === 'readfile') return this.#readfile(connection, request)
    if (request.type === 'facts') {
      const facts = await this.#facts(request.names ?? factNames)
      return this.#answer({ type: 'facts', id: this.#id, ...facts })
    }
    if (request.type === 'writefile') return this.#writefile(connection, request)
    throw new ToolError('PROTOCOL', {
      peer: 'the client',
      reason: `"${request.type}" for an unknown request`,
    })
  }

  async #run(running: Running, request: RequestRecord & { type: 'run' | 'fork' }): Promise<void> {
    this.#cancel = () => running.cancel()
    this.#leave = running.leave
    this.#open(request)
    this.#begin(running.stdin, request)
    const output = Promise.all([this.#pump(running.stdout, 'stdout'), this.#pump(running.stderr, 'stderr')])
    const status = await running.status
    await output
    await this.#answer({ type: 'exit', id: this.#id, status })
  }

  async #evaluate(connection: Connection, request: RequestRecord & { type: 'evaluate' }): Promise<void> {
    const value = await connection.evaluate?.(request.source, request.argument)
    await this.#answer({ type: 'value', id: this.#id, value: value ?? null })
  }

  async #runlines(connection: Connection, request: RequestRecord & { type: 'runlines' }): Promise<void> {
    for (const line of await connection.runlines(toRunRequest(request))) {
      await this.#answer({ type: 'line', id: this.#id, line })
    }
    await this.#answer({ type: 'done', id: this.#id })
  }

  async #readfile(connection: Connection, request: RequestRecord & { type: 'readfile' }): Promise<void> {
    const content = connection.readfile(requireText(request, 'path'))
    this.#cancel = () => content.destroy()
    this.#open(request)
    const failed = new Promise<never>((_, reject) => content.once('error', reject))
    await Promise.race([this.#pump(content, 'content'), failed])
    await this.#answer({ type: 'done', id: this.#id })
  }

  async #writefile(connection: Connection, request: RequestRecord & { type: 'writefile' }): Promise<void> {
    const path = requireText(request, 'path')
    const content = new PassThrough()
    this.#cancel = () => content.destroy(new ToolError('CANCELLED', { what: `Writing "${path}"` }))
    this.#begin(content, request)
    const { mode, bytes } = request
    const options = { ...(mode !== undefined && { mode }), ...(bytes !== undefined && { bytes }) }
    await connection.writefile(path, content, options)
    await this.#answer({ type: 'done', id: this.#id })
  }

  #open(request: { window?: number | undefined; encoding?: 'base64' | undefined }): void {
    this.#quickly = request.encoding === 'base64'
    this.#credit = request.window === undefined ? undefined : new Credit(request.window)
  }

  #begin(input: Writable, request: RequestRecord & { type: 'run' | 'fork' | 'writefile' }): void {
    this.#input = input
    // The command may end before its input does; its status says what matters.
    input.on('error', () => undefined)
    const all = fieldBytes(request, 'input')
    if (all) input.write(all)
    if (!request.input_follows) input.end()
  }

  async #pump(stream: Readable, name: 'stdout' | 'stderr' | 'content'): Promise<void> {
    try {
      for await (const bytes of stream as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const chunk = bytes.subarray(at, at + chunkBytes)
          await this.#credit?.take(chunk.length)
          const output = { type: 'output', id: this.#id, stream: name }
          if (this.#quickly && chunk.length > fewBytes) await this.#answer(output, chunk)
          else await this.#answer({ ...output, ...bytesField('data', chunk) })
        }
      }
    } catch {
      // A stream breaks off only with its command, whose own error is the answer.
    }
  }
}

function fork(connection: Connection, changes: readonly Change[]): Running {
  if (connection.fork) return connection.fork(changes)
  throw new ToolError('PROTOCOL', { peer: 'the client', reason: '"fork" on a connection without an agent' })
}

function toRunRequest(request: RequestRecord & { type: 'run' | 'runlines' }): RunRequest {
  const cwd = fieldText(request, 'cwd')
  const { env } = request
  return { command: requireText(request, 'command'), ...(cwd !== undefined && { cwd }), ...(env && { env }) }
}

function requireText(request: RequestRecord, name: string): string {
  const text = fieldText(request, name)
  if (text !== undefined) return text
  throw new ToolError('PROTOCOL', { peer: 'the client', reason: `"${request.type}" needs a ${name}` })
}
