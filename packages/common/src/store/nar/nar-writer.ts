// Writes nar bytes into one reused block, and hands the block out whenever it is full.
//
// The block given to `emit` is valid until `emit` returns: a hash reads it at once, a socket has to copy it.
// Pure: no I/O.
import { narWords, paddingOf } from './nar-words.ts'

export type Emit = (bytes: Buffer) => void

const blockSize = 256 * 1024
const noBytes = Buffer.alloc(8)
/** Blocks of writers that have finished: a new one each would cost more than a small nar itself. */
const spare: Buffer[] = []
const maxSpare = 4

export class NarWriter {
  readonly #emit: Emit
  readonly #block = spare.pop() ?? Buffer.allocUnsafeSlow(blockSize)
  #used = 0
  /** Bytes written so far. */
  size = 0

  constructor(emit: Emit) {
    this.#emit = emit
    this.#words(narWords.magic)
  }

  directory(): void {
    this.#words(narWords.directory)
  }

  /** Before the node of a directory's entry `name`. */
  entry(name: string): void {
    this.#words(narWords.entry)
    this.#string(name)
    this.#words(narWords.node)
  }

  /** After the node of an entry; `close` before it has closed the node itself. */
  endEntry(): void {
    this.#words(narWords.close)
  }

  endDirectory(): void {
    this.#words(narWords.close)
  }

  symlink(target: string): void {
    this.#words(narWords.symlink)
    this.#string(target)
    this.#words(narWords.close)
  }

  /** Head of a regular file; exactly `size` bytes of contents and `endFile` have to follow. */
  file(size: number, executable: boolean): void {
    this.#words(executable ? narWords.executable : narWords.regular)
    this.#length(size)
  }

  contents(bytes: Uint8Array): void {
    this.#words(bytes)
  }

  /** Contents read straight into the block: `fill` returns the bytes it put at the start of what it was given. */
  fillContents(fill: (space: Buffer) => number): number {
    if (this.#used === blockSize) this.flush()
    const count = fill(this.#block.subarray(this.#used))
    this.#used += count
    this.size += count
    return count
  }

  endFile(size: number): void {
    this.#words(noBytes.subarray(0, paddingOf(size)))
    this.#words(narWords.close)
  }

  /** Hands out what is in the block. */
  flush(): void {
    if (this.#used > 0) this.#emit(this.#block.subarray(0, this.#used))
    this.#used = 0
  }

  /** Hands out what is left; nothing may be written after that. */
  end(): void {
    this.flush()
    if (spare.length < maxSpare) spare.push(this.#block)
  }

  #length(value: number): void {
    if (blockSize - this.#used < 8) this.flush()
    this.#block.writeUInt32LE(value % 2 ** 32, this.#used)
    this.#block.writeUInt32LE(Math.floor(value / 2 ** 32), this.#used + 4)
    this.#used += 8
    this.size += 8
  }

  #string(text: string): void {
    this.#length(text.length)
    if (blockSize - this.#used < text.length + 8) this.flush()
    if (text.length > blockSize - 8) return this.#longString(text)
    this.#used += this.#block.write(text, this.#used, 'latin1')
    const padding = paddingOf(text.length)
    this.#block.fill(0, this.#used, this.#used + padding)
    this.#used += padding
    this.size += text.length + padding
  }

  #longString(text: string): void {
    this.#words(Buffer.from(text, 'latin1'))
    this.#words(noBytes.subarray(0, paddingOf(text.length)))
  }

  #words(bytes: Uint8Array): void {
    this.size += bytes.length
    for (let from = 0; from < bytes.length;) {
      if (this.#used === blockSize) this.flush()
      const part = bytes.subarray(from, from + blockSize - this.#used)
      this.#block.set(part, this.#used)
      this.#used += part.length
      from += part.length
    }
  }
}
