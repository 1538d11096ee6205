// Passes on what follows a header line in a stream, and keeps what came before it, for error messages.
// Pure: no I/O.
import { Transform, type TransformCallback } from 'node:stream'

/** Of the noise before the header, this much is kept. */
const keptNoise = 4096

export class HeaderFilter extends Transform {
  readonly #mark: Buffer
  #before: Buffer = Buffer.alloc(0)
  #open = false
  #found: (rest: string) => void = () => undefined
  /** Resolves to what the header line holds after its token; stays pending when none comes. */
  readonly header: Promise<string>
  onNoise: (noise: string) => void = () => undefined

  constructor(token: string) {
    super()
    this.#mark = Buffer.from(`\n${token}`)
    this.header = new Promise((resolve) => {
      this.#found = resolve
    })
  }

  get open(): boolean {
    return this.#open
  }

  /** What came before the header, its end if it is long. */
  get noise(): string {
    return this.#before.toString('utf8')
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#open) return done(null, chunk)
    const all = Buffer.concat([this.#before, chunk])
    const at = all.indexOf(this.#mark)
    const end = at < 0 ? -1 : all.indexOf(0x0a, at + this.#mark.length)
    if (end < 0) {
      // Bytes of a header that is still arriving are at the end, which is what is kept.
      this.#before = all.length > keptNoise ? all.subarray(-keptNoise) : all
      this.onNoise(this.noise)
      return done()
    }
    this.#open = true
    this.#before = all.subarray(0, at)
    this.#found(
      all
        .subarray(at + this.#mark.length, end)
        .toString('utf8')
        .trim(),
    )
    const rest = all.subarray(end + 1)
    return rest.length > 0 ? done(null, rest) : done()
  }
}
