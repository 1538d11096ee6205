// One end of a pair of stream sockets, read when there is something: node:net would take as long to load as all of a
// start's own work.
import { closeSync, readSync, writeSync } from 'node:fs'
import { errnoOf } from '@plumbline/common/error/translate'
import { native } from '@plumbline/common/syscall/native'

const chunkBytes = 64 * 1024

export class Channel {
  readonly #fd: number
  #watch: unknown
  #closed = false

  /** The descriptor is its own from now on, and one that waits until it is listened to. */
  constructor(fd: number) {
    this.#fd = fd
  }

  /** Waits until all of it is taken; what nobody takes any more is dropped. */
  write(bytes: Buffer): void {
    try {
      for (let done = 0; done < bytes.length && !this.#closed;) done += writeSync(this.#fd, bytes, done)
    } catch {
      // Who has gone is heard of by the end.
    }
  }

  /** `read` answers whether it wants more now. */
  listen(read: (bytes: Buffer) => boolean, end: () => void): void {
    // All that there is, each time: after an error on the socket (its other end was closed with something unread)
    // libuv says so once and watches no longer.
    this.#watch = native().watch(this.#fd, () => {
      while (!this.#closed) {
        const bytes = this.#read()
        if (!bytes) return
        if (bytes.length === 0) {
          this.#unwatch()
          return end()
        }
        if (!read(bytes)) return
      }
      return undefined
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unwatch()
    closeSync(this.#fd)
  }

  /** Empty at the end; undefined when there is nothing yet after all. */
  #read(): Buffer | undefined {
    const bytes = Buffer.allocUnsafe(chunkBytes)
    try {
      return bytes.subarray(0, readSync(this.#fd, bytes))
    } catch (error) {
      return errnoOf(error) === 'EAGAIN' ? undefined : bytes.subarray(0, 0)
    }
  }

  #unwatch(): void {
    if (this.#watch !== undefined) native().unwatch(this.#watch)
    this.#watch = undefined
  }
}
