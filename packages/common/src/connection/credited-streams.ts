// The two ends of a stream that is paid for: what is read grants credit, what is written spends it.
// Pure: no I/O.
import { Readable, Writable } from 'node:stream'
import type { Credit } from './credit.ts'
import { chunkBytes } from '../records/verb.ts'

/** A Readable that reports what its reader has made room for. */
export class CreditedReadable extends Readable {
  readonly #granted: (bytes: number) => void
  #owed = 0

  constructor(granted: (bytes: number) => void) {
    super({ highWaterMark: chunkBytes })
    this.#granted = granted
  }

  receive(bytes: Buffer): void {
    this.#owed += bytes.length
    if (this.push(bytes)) this.#pay()
  }

  override _read(): void {
    this.#pay()
  }

  #pay(): void {
    if (this.#owed === 0) return
    this.#granted(this.#owed)
    this.#owed = 0
  }
}

/** A Writable that sends its bytes in chunks as credit allows. */
export function creditedWritable(
  credit: Credit,
  send: (chunk: Buffer) => void,
  finish: () => void,
): Writable {
  return new Writable({
    highWaterMark: chunkBytes,
    write(bytes: Buffer, _encoding, done) {
      void (async () => {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const chunk = bytes.subarray(at, at + chunkBytes)
          await credit.take(chunk.length)
          send(chunk)
        }
        done()
      })().catch(done)
    },
    final(done) {
      finish()
      done()
    },
  })
}
