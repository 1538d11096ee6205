// Looks at the frames of zstd data for how much memory each wants, before it is decompressed.
//
//   frame  = magic descriptor [window] [dictionary] [content size] { block } [checksum]     RFC 8878 §3.1.1
//   block  = 3 bytes, little endian: last (1 bit), type (2 bits), size (21 bits); then its contents
//
// Numbers are little endian. Skippable frames (§3.1.2) are magic, a size of 4 bytes, and so many bytes.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'

/** What zstd itself makes without --long or --ultra is at most 8 MiB. */
export const maxWindow = 32 * 1024 * 1024

const longestHeader = 18
const rleBlock = 1

export class ZstdWindow {
  #head: Buffer = Buffer.alloc(0)
  #skip = 0
  #state: 'frame' | 'block' = 'frame'
  #hasChecksum = false

  /** Throws SUBSTITUTE_INVALID for what is not zstd, and a window beyond maxWindow. */
  push(chunk: Buffer): void {
    let at = Math.min(this.#skip, chunk.length)
    this.#skip -= at
    while (at < chunk.length && this.#skip === 0) {
      // Headers are short: the bytes of one are put together however the chunks were cut.
      const before = this.#head.length
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + longestHeader)])
      const used = this.#state === 'frame' ? this.#frame(this.#head) : this.#block(this.#head)
      if (used === undefined) {
        at = Math.min(chunk.length, at + longestHeader)
        continue
      }
      this.#head = Buffer.alloc(0)
      at += used - before
      const skipped = Math.min(this.#skip, chunk.length - at)
      this.#skip -= skipped
      at += skipped
    }
  }

  /** Length of the frame's header; undefined when there is more of it. */
  #frame(head: Buffer): number | undefined {
    // No byte too many: what has been waited for is part of this header.
    if (head.length < 5) return undefined
    const magic = head.readUInt32LE(0)
    if (magic >>> 4 === 0x184d2a5) {
      if (head.length < 8) return undefined
      this.#skip = head.readUInt32LE(4)
      return 8
    }
    if (magic !== 0xfd2fb528) throw invalid('it is not zstd')
    const descriptor = head.readUInt8(4)
    const isSingle = (descriptor & 0x20) !== 0
    this.#hasChecksum = (descriptor & 4) !== 0
    const windowBytes = isSingle ? 0 : 1
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
    const contentBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
    const length = 5 + windowBytes + dictionaryBytes + contentBytes
    if (head.length < length) return undefined
    const exponent = 10 + (head.readUInt8(5) >> 3)
    const window = isSingle
      ? readContentSize(head.subarray(length - contentBytes, length))
      : 2 ** exponent * (1 + (head.readUInt8(5) & 7) / 8)
    if (window > maxWindow) throw invalid(`it needs ${window} bytes of memory, more than ${maxWindow}`)
    this.#state = 'block'
    return length
  }

  #block(head: Buffer): number | undefined {
    if (head.length < 3) return undefined
    const header = head.readUIntLE(0, 3)
    const isLast = (header & 1) !== 0
    const type = (header >> 1) & 3
    this.#skip = type === rleBlock ? 1 : header >> 3
    if (isLast) {
      this.#skip += this.#hasChecksum ? 4 : 0
      this.#state = 'frame'
    }
    return 3
  }
}

function readContentSize(bytes: Buffer): number {
  if (bytes.length === 8) return Number(bytes.readBigUInt64LE())
  // Sizes of two bytes are kept less 256.
  return bytes.readUIntLE(0, bytes.length) + (bytes.length === 2 ? 256 : 0)
}

function invalid(reason: string): ToolError {
  return new ToolError('SUBSTITUTE_INVALID', { reason })
}
