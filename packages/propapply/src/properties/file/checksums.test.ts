import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { computeChecksums } from './checksums.ts'

test.each([0, 1, 255, 256, 70_000])(
  'computeChecksums() agrees with cksum and sha256sum on %i bytes',
  async (size) => {
    const content = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919) % 251))
    const sums = await computeChecksums([content.subarray(0, 100), content.subarray(100)])
    expect(execFileSync('cksum', { input: content }).toString()).toBe(`${sums.cksum} ${sums.bytes}\n`)
    expect(execFileSync('sha256sum', { input: content }).toString()).toBe(`${sums.sha256}  -\n`)
  },
)
