import { expect, it } from 'vitest'
import { within } from './within.ts'

const never = new Promise<string>(() => undefined)

it('is what comes in time', async () => {
  expect(await within(Promise.resolve('a'), 2 ** 30)).toBe('a')
  await expect(within(Promise.reject(new Error('no')), 2 ** 30)).rejects.toThrow('no')
})

it('is undefined when nothing does', async () => {
  expect(await within(never, 1)).toBeUndefined()
})
