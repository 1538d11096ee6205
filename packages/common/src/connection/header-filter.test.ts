import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { HeaderFilter } from './header-filter.ts'

const token = 'plumbline-token'

describe('HeaderFilter', () => {
  const text = Buffer.from(`noise\nplumbline-other 1\nmore\n${token} 4711\nbody\n${token} again\n`)

  it.each([1, 2, 7, 1000])('finds the header in chunks of %d bytes, once', async (size) => {
    const source = new PassThrough()
    const filter = new HeaderFilter(token, source)
    const body = buffer(filter)
    for (let at = 0; at < text.length; at += size) source.write(text.subarray(at, at + size))
    source.end()
    expect(await filter.header).toBe('4711')
    expect((await body).toString()).toBe(`body\n${token} again\n`)
    expect(filter.noise).toBe('noise\nplumbline-other 1\nmore')
  })

  it('keeps the end of long noise, tells of it, and stays shut without a header', async () => {
    const source = new PassThrough()
    const filter = new HeaderFilter(token, source)
    const heard: string[] = []
    filter.onNoise = (noise) => heard.push(noise)
    source.end(`${'x'.repeat(100_000)}the end`)
    expect((await buffer(filter)).length).toBe(0)
    expect(filter.open).toBe(false)
    expect(filter.noise.endsWith('the end')).toBe(true)
    expect(filter.noise.length).toBeLessThan(10_000)
    expect(heard.length).toBeGreaterThan(0)
  })

  it('breaks off with its source', async () => {
    const source = new PassThrough()
    const filter = new HeaderFilter(token, source)
    const failed = buffer(filter)
    source.destroy()
    await expect(failed).rejects.toThrow()
  })
})
