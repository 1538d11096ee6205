// One request on a connection's socket, as its client sees it.
// Pure: no I/O.
import { finished, type Readable, type Writable } from 'node:stream'
import { receivedError } from '../error/received-error.ts'
import { ToolError } from '../error/tool-error.ts'
import { fieldBytes } from '../ndjson/bytes.ts'
import type { WireRecord } from '../ndjson/decode.ts'
import { chunkBytes, longestRequest, windowBytes } from '../records/verb.ts'
import { Credit } from './credit.ts'
import { CreditedReadable, creditedWritable } from './credited-streams.ts'

type Wire = {
  send: (type: 'more' | 'cancel' | 'leave' | 'input_end', fields?: { bytes: number }) => void
  sendInput: (chunk: Buffer) => void
}

/** Whoever sends may overdraw by a chunk of each stream; one that goes on would fill the memory here. */
const mostUnasked = windowBytes + 2 * chunkBytes

const lastAnswers = new Set(['exit', 'done', 'value', 'facts'])

export class Call {
  /** The exit or done record. Rejects with the error that took its place. */
  readonly last: Promise<WireRecord>
  readonly input: Writable
  readonly lines: string[] = []
  readonly cancel: () => void
  /** Resolves when all its input is on the way, or is wanted no more. */
  readonly leave: () => Promise<void>
  readonly #credit = new Credit(windowBytes)
  readonly #streams = new Map<string, CreditedReadable>()
  readonly #wire: Wire
  /** Bytes of output that have come, and of which none has been told that they were taken. */
  #unasked = 0
  #lineBytes = 0
  #isCancelled = false
  #resolve: (record: WireRecord) => void = () => undefined
  #reject: (error: ToolError) => void = () => undefined

  constructor(wire: Wire) {
    this.#wire = wire
    this.last = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.last.catch(() => undefined)
    this.input = creditedWritable(this.#credit, wire.sendInput, () => wire.send('input_end'))
    this.input.on('error', () => undefined)
    this.cancel = () => {
      this.#isCancelled = true
      wire.send('cancel')
    }
    this.leave = async () => {
      await new Promise<void>((resolve) => finished(this.input, () => resolve()))
      wire.send('leave')
    }
  }

  /** The stream of that name; it fails when the request does. */
  output(name: 'stdout' | 'stderr' | 'content'): Readable {
    const known = this.#streams.get(name)
    if (known) return known
    const stream = new CreditedReadable((bytes) => {
      this.#unasked -= bytes
      this.#wire.send('more', { bytes })
    })
    stream.on('error', () => undefined)
    this.#streams.set(name, stream)
    return stream
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.input.write(chunk)) return
    await Promise.race([new Promise((resolve) => this.input.once('drain', resolve)), this.last])
  }

  receive(record: WireRecord): void {
    if (record.type === 'output') {
      this.#receiveOutput(String(record['stream']), fieldBytes(record, 'data') ?? Buffer.alloc(0))
    } else if (record.type === 'line') {
      this.#receiveLine(String(record['line']))
    } else if (record.type === 'more') {
      this.#credit.grant(Number(record['bytes']))
    } else if (record.type === 'error') {
      this.fail(receivedError(record))
    } else if (lastAnswers.has(String(record.type))) {
      for (const stream of this.#streams.values()) stream.push(null)
      this.#resolve(record)
      this.#credit.release()
    }
  }

  #receiveOutput(name: string, bytes: Buffer): void {
    const stream = this.#streams.get(name)
    if (!stream) return
    this.#unasked += bytes.length
    // What was cancelled is not held back any more, so that it ends.
    if (this.#unasked > mostUnasked && !this.#isCancelled) this.#refuse()
    else stream.receive(bytes)
  }

  #receiveLine(line: string): void {
    this.#lineBytes += line.length
    if (this.#lineBytes > longestRequest) this.#refuse()
    else this.lines.push(line)
  }

  #refuse(): void {
    this.cancel()
    const reason = 'it sends more than it was asked for'
    this.fail(new ToolError('PROTOCOL', { peer: 'the connection', reason }))
  }

  fail(error: ToolError): void {
    this.#reject(error)
    for (const stream of this.#streams.values()) stream.destroy(error)
    this.#credit.release()
    this.input.destroy()
  }
}
