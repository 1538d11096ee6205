import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { LineReader } from './line-reader.ts'

test('LineReader takes lines however they are cut up, and leaves the rest', async () => {
  const stream = new PassThrough()
  const lines = new LineReader(stream)
  const first = lines.next()
  stream.write('on')
  stream.write('e\ntwo\nthr')
  expect([await first, await lines.next()]).toEqual(['one', 'two'])
  lines.release()
  stream.end('ee\nfour\n')
  expect(await text(stream)).toBe('three\nfour\n')
})

test('LineReader tells the end, also of a stream that breaks off', async () => {
  const [ended, broken] = [new PassThrough(), new PassThrough()]
  ended.end('half a line')
  expect(await new LineReader(ended).next()).toBe(undefined)
  const next = new LineReader(broken).next()
  broken.destroy()
  expect(await next).toBe(undefined)
})
