import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { KeptStream } from './kept-stream.ts'

const never = 60_000

function make(intervalMs: number, silent = () => undefined as void) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  return { input, output, stream: new KeptStream({ input, output, intervalMs, silent }) }
}

test('KeptStream passes on both ways, and ends both when it is ended', async () => {
  const { input, output, stream } = make(never)
  stream.write('to the other side\n')
  stream.end()
  input.end('from it\n')
  expect((await buffer(stream)).toString()).toBe('from it\n')
  expect((await buffer(output)).toString()).toBe('to the other side\n')
})

test('KeptStream holds its input back while nobody reads', async () => {
  const { input, stream } = make(never)
  const chunk = Buffer.alloc(1 << 16)
  while (input.write(chunk));
  await once(stream, 'readable')
  expect(stream.readableLength).toBeLessThan(4 * chunk.length)
  input.end()
  expect((await buffer(stream)).length % chunk.length).toBe(0)
})

test('KeptStream proves life with blank lines, and leaves a silent side', async () => {
  let calls = 0
  const { output, stream } = make(25, () => void calls++)
  expect((await buffer(stream)).length).toBe(0)
  expect(calls).toBe(1)
  stream.destroy()
  expect((await buffer(output)).toString()).toMatch(/^\n\n+$/)
})

test('KeptStream ends when the other side goes without a word', async () => {
  const { input, stream } = make(never)
  input.destroy()
  expect((await buffer(stream)).length).toBe(0)
  stream.destroy()
})
