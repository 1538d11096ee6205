// Takes the protocol's values from a socket as its bytes arrive.
//
//   int     8 bytes, little endian; only 32 bits may be used      int64   the same, all of them
//   string  int LENGTH, the bytes, zero bytes up to a multiple of 8
//   list    int COUNT, the items
//
// What is there already is returned at once, and only the rest is a promise: `await` of a value costs a tenth of
// a microsecond, of a promise that has to be made ten times that. Input beyond `highWater` is left in the kernel.
import type { Duplex } from 'node:stream'
import { ToolError } from '../../error/tool-error.ts'
import { paddingOf } from '../nar/nar-words.ts'

type Soon<T> = T | Promise<T>

const highWater = 256 * 1024
const noBytes: Buffer = Buffer.alloc(0)

/** The other side has closed its end. */
export class Disconnected extends Error {}

export class ByteReader {
  readonly #socket: Duplex
  #bytes: Buffer = noBytes
  #at = 0
  #later: Buffer[] = []
  #laterBytes = 0
  #ended = false
  #discarding = false
  readonly #waiters = new Set<() => void>()

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    const end = () => {
      this.#ended = true
      for (const wake of this.#waiters) wake()
    }
    socket.on('end', end).on('close', end)
  }

  /** Bytes that are here and have not been taken. */
  get buffered(): number {
    return this.#bytes.length - this.#at + this.#laterBytes
  }

  get ended(): boolean {
    return this.#ended
  }

  /** From now on what comes is dropped: nobody will read it. */
  discard(): void {
    this.#discarding = true
    this.#bytes = noBytes
    this.#at = 0
    this.#later = []
    this.#laterBytes = 0
    this.#socket.resume()
  }

  /** Whether there is a byte to read; false at the end of the input. */
  hasMore(): Soon<boolean> {
    if (this.buffered > 0) return true
    return this.#ended ? false : this.#wait(1).then(() => this.buffered > 0)
  }

  /** The first byte, not taken. */
  peek(): number {
    this.#gather(1)
    return this.#bytes[this.#at] ?? 0
  }

  int(): Soon<number> {
    if (this.#gather(8)) return this.#takeInt()
    return this.#need(8).then(() => this.#takeInt())
  }

  int64(): Soon<bigint> {
    if (this.#gather(8)) return this.#takeInt64()
    return this.#need(8).then(() => this.#takeInt64())
  }

  async bool(): Promise<boolean> {
    return (await this.int()) !== 0
  }

  /** A byte string of at most `max` bytes. */
  string(max: number): Soon<string> {
    const length = this.int()
    if (typeof length !== 'number') return length.then((value) => this.#finishString(value, max))
    return this.#finishString(length, max)
  }

  async bytes(max: number): Promise<Buffer> {
    const length = await this.int()
    checkLength(length, max)
    const whole = length + paddingOf(length)
    if (!this.#gather(whole)) await this.#need(whole)
    const bytes = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length))
    this.#skipString(length)
    return bytes
  }

  /** A list of byte strings, each of at most `maxEach` bytes, and together with their lengths of at most `max`. */
  async strings(max: number, maxEach: number): Promise<string[]> {
    const count = await this.int()
    const items: string[] = []
    for (let left = max; items.length < count;) {
      const item = this.string(maxEach)
      const text = typeof item === 'string' ? item : await item
      left -= text.length + 8
      if (left < 0) throw invalid(`a list of more than ${max} bytes`)
      items.push(text)
    }
    return items
  }

  /** All that is here, or the next that comes. Throws Disconnected at the end. */
  async chunk(): Promise<Buffer> {
    if (this.buffered === 0) await this.#need(1)
    if (this.#at < this.#bytes.length) {
      const chunk = this.#bytes.subarray(this.#at)
      this.#at = this.#bytes.length
      return chunk
    }
    const chunk = this.#later.shift() ?? noBytes
    this.#laterBytes -= chunk.length
    this.#resume()
    return chunk
  }

  /** Gives back the end of what was taken last. */
  unread(bytes: Buffer): void {
    this.#bytes = Buffer.concat([bytes, this.#bytes.subarray(this.#at)])
    this.#at = 0
  }

  #feed(chunk: Buffer): void {
    if (this.#discarding) return
    if (this.#at === this.#bytes.length && this.#later.length === 0) {
      this.#bytes = chunk
      this.#at = 0
    } else {
      this.#later.push(chunk)
      this.#laterBytes += chunk.length
    }
    if (this.#waiters.size === 0 && this.buffered > highWater) this.#socket.pause()
    for (const wake of this.#waiters) wake()
  }

  #resume(): void {
    if (this.#socket.isPaused() && this.buffered <= highWater) this.#socket.resume()
  }

  /** Brings `count` bytes together in one buffer, if they are here. */
  #gather(count: number): boolean {
    if (this.#bytes.length - this.#at >= count) return true
    if (this.buffered < count) return false
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#later])
    this.#at = 0
    this.#later = []
    this.#laterBytes = 0
    return true
  }

  async #need(count: number): Promise<void> {
    await this.#wait(count)
    if (!this.#gather(count)) throw new Disconnected()
    this.#resume()
  }

  /** Until `count` bytes are here, or no more will come. */
  async #wait(count: number): Promise<void> {
    while (this.buffered < count && !this.#ended) {
      if (this.#socket.isPaused()) this.#socket.resume()
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiters.delete(wake)
          resolve()
        }
        this.#waiters.add(wake)
      })
    }
  }

  #finishString(length: number, max: number): Soon<string> {
    checkLength(length, max)
    const whole = length + paddingOf(length)
    if (this.#gather(whole)) return this.#takeString(length)
    return this.#need(whole).then(() => this.#takeString(length))
  }

  #takeString(length: number): string {
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length)
    this.#skipString(length)
    return text
  }

  #skipString(length: number): void {
    this.#at += length
    for (const end = this.#at + paddingOf(length); this.#at < end; this.#at++) {
      if (this.#bytes[this.#at] !== 0) throw invalid('non-zero padding')
    }
    this.#resume()
  }

  #takeInt(): number {
    const value = this.#bytes.readUInt32LE(this.#at)
    const high = this.#bytes.readUInt32LE(this.#at + 4)
    this.#at += 8
    if (high !== 0) throw invalid('implementation cannot deal with > 32-bit integers')
    return value
  }

  #takeInt64(): bigint {
    const value = this.#bytes.readBigUInt64LE(this.#at)
    this.#at += 8
    return value
  }
}

function checkLength(length: number, max: number): void {
  if (length > max) throw invalid(`a string of ${length} bytes where at most ${max} are accepted`)
}

function invalid(reason: string): ToolError {
  return new ToolError('WIRE_INVALID', { reason })
}
