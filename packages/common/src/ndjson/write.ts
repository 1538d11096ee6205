// The one writer of records on a descriptor: order, backpressure, EPIPE.
//
// It writes with write(2) through the thread pool and leaves process.stdout alone: Node makes a pipe it touches
// there non-blocking, for every process that shares it, and the others then lose data with EAGAIN. A few bytes are
// written without the pool where that cannot wait, until once they do not fit: most programs have a record or two to
// write, and the threads would be started, and ended, for them alone.
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { errnoOf, reasonOf } from '../error/translate.ts'
import { ToolError } from '../error/tool-error.ts'
import { encodeRecord, type OutRecord } from './encode.ts'
import { passedLine } from './pass-on.ts'

/** Bytes that may wait before write() asks its caller to wait. */
const highWater = 256 * 1024
/** What a pipe holds that nobody has read of: pipe(7). */
const pipeCapacity = 64 * 1024
const retryMs = 5
const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants

export class RecordWriter {
  readonly #fd: number
  readonly #output: string
  #waiting: Buffer[] = []
  #bytes = 0
  #drained: Promise<void> | undefined
  #failure: ToolError | undefined
  /** So far. */
  #takesAtOnce = true
  /** Told once when the reader has gone (EPIPE). */
  onBroken: () => void = () => undefined
  broken = false

  constructor(fd: number, output = 'standard output') {
    this.#fd = fd
    this.#output = output
  }

  /** Queues one record. Resolves at once while little is waiting, else when it has been written. */
  async write(record: OutRecord): Promise<void> {
    await this.writeBytes(passedLine(record) ?? Buffer.from(encodeRecord(record), 'utf8'))
  }

  /** The same for bytes that are no record (tables for people, a relayed command's output). */
  async writeBytes(bytes: Buffer): Promise<void> {
    if (this.#failure) throw this.#failure
    if (this.broken) return
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    this.#drained ??= this.#drain()
    if (this.#bytes > highWater) await this.#drained
  }

  /** Resolves when everything queued has been written. Throws OUTPUT_FAILED. */
  async flush(): Promise<void> {
    await this.#drained
    if (this.#failure) throw this.#failure
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.broken) {
        const all = this.#waiting.length > 1 ? Buffer.concat(this.#waiting) : this.#waiting[0]
        this.#waiting = []
        if (all) await this.#writeAll(all)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#bytes = 0
      this.#drained = undefined
    }
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    let done = this.#takesAtOnce && bytes.length <= pipeCapacity ? writeAtOnce(this.#fd, bytes) : 0
    this.#takesAtOnce = done === bytes.length
    while (done < bytes.length) done += await writeSome(this.#fd, bytes.subarray(done))
  }

  #fail(error: unknown): void {
    if (errnoOf(error) === 'EPIPE') {
      this.broken = true
      this.onBroken()
    } else {
      this.#failure = new ToolError('OUTPUT_FAILED', { output: this.#output, reason: reasonOf(error) })
    }
  }
}

/** How much of it could be written without waiting: a pipe or terminal is opened anew, so that nobody else has to. */
function writeAtOnce(fd: number, bytes: Buffer): number {
  try {
    const stat = fstatSync(fd)
    if (stat.isFile()) return writeSync(fd, bytes)
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return 0
    const own = openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
    try {
      return writeSync(own, bytes)
    } finally {
      closeSync(own)
    }
  } catch {
    // It is full, or somebody else's to open, or fails: the pool's write(2) waits, or tells why.
    return 0
  }
}

function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => {
      if (!error) resolve(written)
      // Another process made the shared pipe non-blocking; write(2) has no way to wait then.
      else if (error.code === 'EAGAIN') setTimeout(resolve, retryMs, 0)
      else reject(error)
    })
  })
}
