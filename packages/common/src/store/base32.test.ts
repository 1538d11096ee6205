import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatBase32, isBase32, parseBase32 } from './base32.ts'
import vectors from './vectors/base32.json' with { type: 'json' }

describe('base32', () => {
  it.each(vectors.vectors)('writes $hex as guix does', ({ hex, nix_base32: text }) => {
    expect(formatBase32(Buffer.from(hex, 'hex'))).toBe(text)
    expect(parseBase32(text).toString('hex')).toBe(hex)
  })

  it('parseBase32() inverts formatBase32()', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(parseBase32(formatBase32(bytes))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it.each(['e', '0e', 'zz', 'é0'])('parseBase32() refuses %j', (text) => {
    expect(() => parseBase32(text)).toThrow(expect.objectContaining({ code: 'BASE32_INVALID' }))
  })

  it('isBase32() knows the digits', () => {
    expect(isBase32('0123456789abcdfghijklmnpqrsvwxyz')).toBe(true)
    for (const digit of 'eoutA-é') expect(isBase32(digit)).toBe(false)
  })
})
