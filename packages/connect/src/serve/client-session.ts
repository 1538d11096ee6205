// One client of a connection's socket: its requests run concurrently, and end with it.
import type { Duplex } from 'node:stream'
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { encodeBulk } from '@plumbline/common/ndjson/bulk'
import { encodeRecord, type OutRecord } from '@plumbline/common/ndjson/encode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { within } from '@plumbline/common/process/within'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { formatMismatch, validate } from '@plumbline/common/records/validate'
import { longestRequest, requestRecord, type RequestRecord } from '@plumbline/common/records/verb'
import { Request, type FactSource } from './request.ts'

/** How often a client that only waits for answers is tried. */
const probeMs = 1000

/** How long a client may take to read its last answers. */
const patienceMs = 2000

const begins = new Set(['run', 'runlines', 'readfile', 'writefile', 'fork', 'evaluate', 'facts'])

/** What may be asked about the connection itself; `describe` and `close` also by those who do not work on it. */
export type Control = {
  describe: () => OutRecord
  close: (asker: ClientSession) => Promise<void>
  facts: FactSource
}

export class ClientSession {
  readonly #connection: Connection
  readonly #socket: Duplex
  readonly #requests = new Map<string, Request>()
  readonly #gone: Promise<void>
  readonly #control: Control | undefined
  readonly #since = monotonicMs()
  #asked = false
  #worked = false
  #drained: Promise<void> | undefined

  constructor(connection: Connection, socket: Duplex, control?: Control) {
    this.#connection = connection
    this.#control = control
    this.#socket = socket
    socket.on('error', () => undefined)
    this.#gone = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** False for one that has only asked what the connection is: it neither keeps it open nor ends it by leaving. */
  get isClient(): boolean {
    return this.#worked || !this.#asked
  }

  /** Whether it keeps the connection open at `deadline` and after: what comes later has to send something first. */
  isThereAt(deadline: number): boolean {
    return this.isClient && (this.#worked || this.#since < deadline)
  }

  /** Resolves when the client has left and nothing that it started is left running. */
  async serve(): Promise<void> {
    // Iterating would destroy the socket at the end of its input, and with it the answers still to come.
    const bytes = this.#socket.iterator({ destroyOnReturn: false })
    try {
      for await (const batch of readRecords(bytes, { input: 'the client', maxLine: longestRequest })) {
        for (const { record } of batch) this.#receive(record)
      }
    } catch (error) {
      await this.#send(makeErrorRecord('connect', toToolError(error)))
    }
    await this.#answerAll()
    await this.end()
  }

  /**
   * A client that closes its writing half, as nc -N does, still waits for its answers; one that was killed looks the
   * same until something is written to it. A blank line is no record.
   */
  async #answerAll(): Promise<void> {
    if (this.#awaited.length === 0) return
    const probe = () => void this.#socket.write('\n')
    probe()
    const probing = setInterval(probe, probeMs)
    const answered = Promise.all(this.#awaited.map(({ done }) => done))
    await Promise.race([this.#gone, answered])
    clearInterval(probing)
  }

  get #awaited(): Request[] {
    return [...this.#requests.values()].filter(({ isLeft }) => !isLeft)
  }

  async end(): Promise<void> {
    const requests = this.#awaited
    for (const request of requests) request.cancel()
    const answered = Promise.all(requests.map(({ done }) => done))
    const ended = answered.then(() => new Promise<void>((resolve) => this.#socket.end(() => resolve())))
    // A client that has stopped reading would hold up its answers for ever.
    await within(Promise.race([ended, this.#gone]), patienceMs)
    this.#socket.destroy()
    await answered
  }

  #receive(record: unknown): void {
    const checked = validate(requestRecord, record)
    if ('mismatches' in checked) {
      const [first] = checked.mismatches
      const reason = first ? formatMismatch(first) : 'not a request'
      return void this.#send(this.#refusal(record, reason))
    }
    const request = checked.value
    if (this.#control && (request.type === 'describe' || request.type === 'close')) {
      this.#asked = true
      return void this.#answer(request, this.#control)
    }
    this.#worked = true
    const known = this.#requests.get(request.id)
    if (!begins.has(request.type)) return known?.receive(request)
    if (known) return void this.#send(this.#refusal(record, `id "${request.id}" is in use`))
    this.#start(request)
  }

  async #answer({ type, id }: RequestRecord, { describe, close }: Control): Promise<void> {
    if (type === 'describe') return this.#send({ ...describe(), type: 'described', id })
    await close(this)
    await this.#send({ type: 'done', id })
  }

  #start(request: RequestRecord): void {
    const started = new Request(
      this.#connection,
      request,
      (answer, bytes) => this.#send(answer, bytes),
      this.#control?.facts,
    )
    this.#requests.set(request.id, started)
    void started.done.finally(() => this.#requests.delete(request.id))
  }

  #refusal(record: unknown, reason: string): OutRecord {
    const id = typeof record === 'object' && record && 'id' in record ? record.id : null
    return { ...makeErrorRecord('connect', new ToolError('PROTOCOL', { peer: 'the client', reason })), id }
  }

  /** Holds the caller back while the socket is full. `bytes` are the record's data, when they are many. */
  async #send(record: OutRecord, bytes?: Buffer): Promise<void> {
    if (!this.#socket.writable) return
    const line = bytes ? encodeBulk(record, bytes) : encodeRecord(record)
    if (this.#socket.write(line, bytes ? 'latin1' : 'utf8')) return
    this.#drained ??= new Promise<void>((resolve) => {
      const done = () => {
        this.#drained = undefined
        this.#socket.off('drain', done).off('close', done)
        resolve()
      }
      this.#socket.once('drain', done).once('close', done)
    })
    await this.#drained
  }
}
