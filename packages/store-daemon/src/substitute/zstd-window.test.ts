import { describe, expect, it } from 'vitest'
import { maxWindow, ZstdWindow } from './zstd-window.ts'

const magic = [0x28, 0xb5, 0x2f, 0xfd]
/** A frame with a window of 2^exponent bytes, one raw block of `text`, and one that stands for 9 times "x". */
const frame = (exponent: number, text = 'abc') => {
  const raw = Buffer.alloc(3)
  raw.writeUIntLE(text.length << 3, 0, 3)
  const rle = Buffer.alloc(4)
  rle.writeUIntLE((9 << 3) | (1 << 1) | 1, 0, 3)
  rle.write('x', 3)
  return Buffer.concat([Buffer.from([...magic, 0, (exponent - 10) << 3]), raw, Buffer.from(text), rle])
}
const single = (size: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(size)
  return Buffer.concat([Buffer.from([...magic, 0xe0]), bytes, Buffer.from([1, 0, 0])])
}
const skippable = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('12345')])

describe('ZstdWindow', () => {
  it.each([1, 2, 3, 7, 18, 1000])('reads frames that come %i bytes at a time', (size) => {
    const all = Buffer.concat([frame(20), skippable, frame(25, 'x'.repeat(1000)), single(8n), frame(10)])
    const window = new ZstdWindow()
    for (let at = 0; at < all.length; at += size) window.push(all.subarray(at, at + size))
    const bad = new ZstdWindow()
    bad.push(all)
    expect(() => bad.push(frame(26))).toThrow(`more than ${maxWindow}`)
    expect(() => window.push(frame(27))).toThrow('of memory')
  })

  it.each([
    ['what is not zstd', Buffer.from('not zstd'), 'it is not zstd'],
    ['what follows a frame', Buffer.concat([frame(10), Buffer.from('and more')]), 'it is not zstd'],
    ['a size of its own that is too large', single(2n ** 40n), 'of memory'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => new ZstdWindow().push(bytes)).toThrow(reason)
  })
})
