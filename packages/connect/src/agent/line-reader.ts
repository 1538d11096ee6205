// The first lines of a stream, read without taking more of it than them.
// Pure: no I/O.
import type { Readable } from 'node:stream'

const longest = 64 * 1024

export class LineReader {
  readonly #stream: Readable
  #rest: Buffer = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined
  readonly #take = (chunk: Buffer) => {
    this.#rest = Buffer.concat([this.#rest, chunk])
    // However long it goes on, no more is kept than is asked for.
    if (this.#rest.length > longest) this.#stream.pause()
    this.#wake()
  }
  readonly #end = () => {
    this.#ended = true
    this.#wake()
  }

  constructor(stream: Readable) {
    this.#stream = stream
    stream.on('data', this.#take).once('end', this.#end).once('close', this.#end)
  }

  /** Without its LF; undefined at the end of the stream, or for a line that is none of ours. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const at = this.#rest.indexOf(0x0a)
      if (at >= 0) {
        const line = this.#rest.subarray(0, at).toString('utf8')
        this.#rest = this.#rest.subarray(at + 1)
        if (this.#rest.length <= longest) this.#stream.resume()
        return line
      }
      if (this.#ended || this.isTooLong) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** What comes is none of our lines. */
  get isTooLong(): boolean {
    return this.#rest.length > longest && !this.#rest.includes(0x0a)
  }

  /** Puts back what was not asked for. */
  release(): void {
    this.#stream.pause()
    this.#stream.off('data', this.#take).off('end', this.#end).off('close', this.#end)
    if (this.#rest.length > 0) this.#stream.unshift(this.#rest)
  }
}
