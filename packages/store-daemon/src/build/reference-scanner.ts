// Finds which of some store paths a stream of bytes mentions, by their 32-digit hash parts, wherever they are.
//
// The method of Boyer and Moore (1977) with classes of characters: a window of 32 is looked at from its end, and a
// byte that is no digit moves it past that byte, so most bytes of most files are never looked at.
// Pure: no I/O.
import { hashPartLength } from '@plumbline/common/store/store-path'

const isDigit = new Uint8Array(256)
for (const digit of '0123456789abcdfghijklmnpqrsvwxyz') isDigit[digit.charCodeAt(0)] = 1

export class ReferenceScanner {
  readonly #wanted: Set<string>
  /** The first two bytes of each wanted part. */
  readonly #starts = new Uint8Array(65536)
  readonly found = new Set<string>()
  #tail: Buffer = Buffer.alloc(0)

  constructor(hashParts: Iterable<string>) {
    this.#wanted = new Set(hashParts)
    for (const part of this.#wanted) this.#starts[(part.charCodeAt(0) << 8) | part.charCodeAt(1)] = 1
  }

  /** The chunk may be overwritten afterwards. */
  push(chunk: Buffer): void {
    if (this.#wanted.size === 0) return
    // What begins in one chunk and ends in the next.
    const border = Buffer.concat([this.#tail, chunk.subarray(0, hashPartLength - 1)])
    this.#search(border)
    this.#search(chunk)
    const tail = chunk.length >= hashPartLength - 1 ? chunk : border
    this.#tail = Buffer.from(tail.subarray(Math.max(0, tail.length - hashPartLength + 1)))
  }

  #search(bytes: Buffer): void {
    const last = bytes.length - hashPartLength
    // Up to there, bytes that follow each other are known to be digits.
    let known = 0
    for (let from = 0; from <= last;) {
      const first = Math.max(from, known)
      let at = from + hashPartLength - 1
      while (at >= first && isDigit[bytes[at] ?? 0] === 1) at--
      if (at >= first) {
        from = at + 1
        continue
      }
      known = from + hashPartLength
      // Only what begins as a wanted part does is worth a string.
      const start = ((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0)
      if (this.#starts[start] === 1) {
        const part = bytes.toString('latin1', from, from + hashPartLength)
        if (this.#wanted.delete(part)) this.found.add(part)
      }
      from++
    }
  }
}
