// Passes on what follows a line "MARK WORD" of a terminal, and drops what came before it.
// Pure: no I/O.
import { Transform, type TransformCallback } from 'node:stream'

export class MarkFilter extends Transform {
  readonly #mark: string
  #before: Buffer = Buffer.alloc(0)
  #find: (word: string) => void = () => undefined
  /** Resolves to the word; stays pending when the line never comes. */
  readonly found: Promise<string>
  open = false

  constructor(mark: string) {
    super()
    this.#mark = `${mark} `
    this.found = new Promise((resolve) => (this.#find = resolve))
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.open) return done(null, chunk)
    const all = Buffer.concat([this.#before, chunk])
    this.#before = all
    const at = all.indexOf(this.#mark)
    const end = at < 0 ? -1 : all.indexOf('\n', at)
    if (end < 0) return done()
    this.open = true
    this.#find(
      all
        .subarray(at + this.#mark.length, end)
        .toString('utf8')
        .trim(),
    )
    this.#before = Buffer.alloc(0)
    return done(null, all.subarray(end + 1))
  }
}
