// What has come over a stream and was not taken yet.
import type { Duplex } from 'node:stream'

export class Inbox {
  /** Whoever takes bytes leaves the rest here. */
  pending: Buffer = Buffer.alloc(0)
  closed = false
  #wake: () => void = () => undefined

  constructor(stream: Duplex) {
    const end = () => {
      this.closed = true
      this.#wake()
    }
    stream.on('data', (chunk: Buffer) => {
      this.pending = Buffer.concat([this.pending, chunk])
      this.#wake()
    })
    stream.on('end', end).on('close', end).on('error', end)
  }

  /** Until more has come, or the stream has ended. Not to be asked of one that is closed: it would wait for ever. */
  more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.more()
  }
}
