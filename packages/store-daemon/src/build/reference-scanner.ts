// Finds which of some store paths a stream of bytes mentions, by their 32-digit hash parts, wherever they are.
//
// The method of Boyer and Moore (1977) with classes of characters: a window of 32 is looked at from its end, and a
// byte that is no digit moves it past that byte, so most bytes of most files are never looked at.
// Pure: no I/O.
import { hashPartLength } from '@plumbline/common/store/store-path'

/** Byte → 1 to 32 for a digit, else 0. */
const digits = new Uint8Array(256)
for (const [value, digit] of [...'0123456789abcdfghijklmnpqrsvwxyz'].entries())
  digits[digit.charCodeAt(0)] = value + 1

/** A number below 2048 for two bytes that are digits. */
const startOf = (first: number, second: number) => ((digits[first] ?? 0) << 5) + (digits[second] ?? 0)

export class ReferenceScanner {
  readonly #wanted: Set<string>
  /** Of the first two bytes of each wanted part. */
  readonly #starts = new Uint8Array(2048)
  readonly found = new Set<string>()
  #tail: Buffer = Buffer.alloc(0)

  constructor(hashParts: Iterable<string>) {
    this.#wanted = new Set(hashParts)
    for (const part of this.#wanted) this.#starts[startOf(part.charCodeAt(0), part.charCodeAt(1))] = 1
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
      while (at >= first && digits[bytes[at] ?? 0] !== 0) at--
      if (at >= first) {
        from = at + 1
        continue
      }
      known = from + hashPartLength
      // Only what begins as a wanted part does is worth a string.
      if (this.#starts[startOf(bytes[from] ?? 0, bytes[from + 1] ?? 0)] === 1) {
        const part = bytes.toString('latin1', from, from + hashPartLength)
        if (this.#wanted.delete(part)) this.found.add(part)
      }
      from++
    }
  }
}
