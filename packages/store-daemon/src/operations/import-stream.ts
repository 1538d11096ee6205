// Reads an export stream that is pulled piece by piece, and hashes what of an item its signature covers.
import { createHash, type Hash } from 'node:crypto'
import { ToolError } from '@plumbline/common/error/tool-error'
import { paddingOf } from '@plumbline/common/store/nar/nar-words'

/** The next bytes, at least one. */
export type Pull = () => Promise<Buffer>

export class ImportStream {
  readonly #pull: Pull
  #bytes: Buffer = Buffer.alloc(0)
  #hash: Hash | undefined

  constructor(pull: Pull) {
    this.#pull = pull
  }

  /** From here on what is taken is hashed. */
  startHash(): void {
    this.#hash = createHash('sha256')
  }

  endHash(): Buffer {
    const digest = this.#hash?.digest() ?? Buffer.alloc(0)
    this.#hash = undefined
    return digest
  }

  /** What is here, or the next piece. */
  async chunk(): Promise<Buffer> {
    if (this.#bytes.length === 0) this.#bytes = await this.#pull()
    return this.#bytes
  }

  /** Takes `count` bytes of the chunk. */
  take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    this.#hash?.update(taken)
    return taken
  }

  async number(): Promise<number> {
    await this.#need(8)
    const value = this.take(8).readBigUInt64LE()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('a number beyond 2^53')
    return Number(value)
  }

  /** A byte string of at most `max` bytes. */
  async string(max: number): Promise<string> {
    const length = await this.number()
    if (length > max) throw invalid(`a string of ${length} bytes where at most ${max} are accepted`)
    const padding = paddingOf(length)
    await this.#need(length + padding)
    const text = this.take(length).toString('latin1')
    if (this.take(padding).some((byte) => byte !== 0)) throw invalid('non-zero padding')
    return text
  }

  /** Each of at most `maxEach` bytes, and together with their lengths of at most `max`. */
  async strings(max: number, maxEach: number): Promise<string[]> {
    const count = await this.number()
    const items: string[] = []
    for (let left = max; items.length < count;) {
      const text = await this.string(maxEach)
      left -= text.length + 8
      if (left < 0) throw invalid(`a list of more than ${max} bytes`)
      items.push(text)
    }
    return items
  }

  async #need(count: number): Promise<void> {
    while (this.#bytes.length < count) this.#bytes = Buffer.concat([this.#bytes, await this.#pull()])
  }
}

function invalid(reason: string): ToolError {
  return new ToolError('WIRE_INVALID', { reason })
}
