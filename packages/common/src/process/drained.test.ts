import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { drained } from './drained.ts'

const listeners = (stream: PassThrough) =>
  ['drain', 'close', 'error'].map((name) => stream.listenerCount(name))

it('waits until a stream wants more, time and again, and leaves no listener behind', async () => {
  const stream = new PassThrough({ highWaterMark: 1 })
  const before = listeners(stream)
  for (let turn = 0; turn < 20; turn++) {
    expect(stream.write('xx')).toBe(false)
    let isDrained = false
    const waiting = drained(stream).then(() => (isDrained = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isDrained).toBe(false)
    stream.read()
    await waiting
  }
  expect(listeners(stream)).toEqual(before)
})

it('waits for no stream that wants more, or never will', async () => {
  const stream = new PassThrough({ highWaterMark: 1 })
  await drained(stream)
  stream.write('xx')
  const waiting = drained(stream)
  stream.destroy()
  await waiting
  await drained(stream)
})
