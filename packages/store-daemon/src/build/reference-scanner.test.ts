import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReferenceScanner } from './reference-scanner.ts'

const parts = [
  '0123456789abcdfghijklmnpqrsvwxyz',
  'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz',
  '0000000000000000000000000000000z',
]

function scan(chunks: readonly Buffer[]): string[] {
  const scanner = new ReferenceScanner(parts)
  // The same memory for each, as a reader's block is.
  const block = Buffer.alloc(4096)
  for (const chunk of chunks) scanner.push(block.subarray(0, chunk.copy(block)))
  return [...scanner.found].sort()
}

describe('ReferenceScanner', () => {
  it('finds a part among other bytes, and beside more digits', () => {
    expect(scan([Buffer.from(`/gnu/store/${parts[0]}-x`)])).toEqual([parts[0]])
    expect(scan([Buffer.from(`a${parts[1]}z`)])).toEqual([parts[1]])
    expect(scan([Buffer.from(parts[2]?.slice(1) ?? '')])).toEqual([])
    expect(scan([Buffer.from(`${'0'.repeat(40)}z`)])).toEqual([parts[2]])
    expect(scan([Buffer.from(parts[0]?.toUpperCase() ?? '')])).toEqual([])
  })

  it('finds the same however the bytes are cut, and what a plain search finds', () => {
    const piece = fc.oneof(
      fc.constantFrom(...parts),
      fc.constantFrom(...parts).map((part) => part.slice(0, 31)),
      fc.stringMatching(/^[0-9a-z]{0,40}$/),
      fc.constant('eee'),
    )
    const cuts = fc.array(fc.nat(300), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), cuts, (pieces, lengths) => {
        const text = pieces.join('')
        const chunks: Buffer[] = []
        let at = 0
        for (const length of lengths) chunks.push(Buffer.from(text.slice(at, (at += length))))
        chunks.push(Buffer.from(text.slice(at)))
        expect(scan(chunks)).toEqual(parts.filter((part) => text.includes(part)).sort())
      }),
      { numRuns: 500 },
    )
  })
})
