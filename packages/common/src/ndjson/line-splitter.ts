// Bytes to lines, in time linear in the input however it is cut up.
//
//   input = { line LF } [ line ]      LF = 0x0A; a CR before it is not part of the line
//
// A line is bounded, so that a writer without newlines cannot take all memory.
// Pure: no I/O.

export type Line = { number: number; bytes: Buffer; terminated: boolean }

export class LineTooLong extends Error {
  readonly line: number

  constructor(line: number, max: number) {
    super(`longer than ${max} bytes`)
    this.line = line
  }
}

const LF = 0x0a
const CR = 0x0d

export class LineSplitter {
  #number = 0
  #parts: Buffer[] = []
  #length = 0
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** The lines that `chunk` completes. Throws LineTooLong; lines before the long one have been yielded. */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0
    for (;;) {
      const at = chunk.indexOf(LF, from)
      const piece = chunk.subarray(from, at < 0 ? chunk.length : at)
      this.#length += piece.length
      if (this.#length > this.#max) throw new LineTooLong(this.#number + 1, this.#max)
      if (piece.length > 0) this.#parts.push(piece)
      if (at < 0) return
      yield this.#take(true)
      from = at + 1
    }
  }

  /** What is left after the last LF, if anything. */
  *end(): Generator<Line> {
    if (this.#length > 0) yield this.#take(false)
  }

  #take(terminated: boolean): Line {
    const [first = Buffer.alloc(0)] = this.#parts
    let bytes = this.#parts.length > 1 ? Buffer.concat(this.#parts) : first
    if (terminated && bytes.at(-1) === CR) bytes = bytes.subarray(0, -1)
    this.#parts = []
    this.#length = 0
    return { number: ++this.#number, bytes, terminated }
  }
}
