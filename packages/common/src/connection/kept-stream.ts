// One stream to and from a far side out of two, with proof of life: a blank line, which is no record, in every
// interval; and an end when nothing has come for four of them.
// Pure: no I/O.
import { Duplex, type Readable, type Writable } from 'node:stream'

const missedIntervals = 4

type Sides = { input: Readable; output: Writable; intervalMs: number; silent: () => void }

export class KeptStream extends Duplex {
  readonly #input: Readable
  readonly #output: Writable
  readonly #silent: () => void
  readonly #intervalMs: number
  readonly #timer: NodeJS.Timeout
  #ticked = performance.now()
  #heard = this.#ticked

  /** `silent` is called once, before the stream ends for want of life. */
  constructor({ input, output, intervalMs, silent }: Sides) {
    super()
    this.#input = input
    this.#output = output
    this.#silent = silent
    this.#intervalMs = intervalMs
    input.on('data', this.#take).once('end', this.leave).once('close', this.leave)
    input.on('error', () => undefined)
    output.on('error', () => this.leave())
    this.#timer = setInterval(() => this.#tick(), intervalMs)
  }

  /** Ends what is read, as the other side would by closing its end. */
  readonly leave = (): void => {
    clearInterval(this.#timer)
    this.#input.off('data', this.#take)
    if (!this.readableEnded && !this.destroyed) this.push(null)
    this.#input.resume()
  }

  readonly #take = (chunk: Buffer): void => {
    this.#heard = performance.now()
    if (!this.push(chunk)) this.#input.pause()
  }

  override _read(): void {
    this.#input.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // An output that has gone shows itself by its input's end.
    this.#output.write(chunk, () => done())
  }

  override _final(done: () => void): void {
    this.#output.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.leave()
    this.#output.end()
    done(error)
  }

  #tick(): void {
    const now = performance.now()
    const held = now - this.#ticked > 2 * this.#intervalMs
    this.#ticked = now
    // Whoever was stopped or suspended has not listened.
    if (held) this.#heard = now
    if (now - this.#heard > missedIntervals * this.#intervalMs) {
      this.#silent()
      this.leave()
    } else if (this.writable) this.#output.write('\n')
  }
}
