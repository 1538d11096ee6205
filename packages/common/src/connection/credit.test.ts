import { expect, it } from 'vitest'
import { Credit } from './credit.ts'

it('Credit lets go what it covers, overdraws by one, and waits for more', async () => {
  const credit = new Credit(10)
  await credit.take(6)
  await credit.take(100)
  let isTaken = false
  const waiting = credit.take(1).then(() => (isTaken = true))
  credit.grant(96)
  await Promise.resolve()
  expect(isTaken).toBe(false)
  credit.grant(1)
  await waiting
  expect(isTaken).toBe(true)
})

it('Credit lets all go when it is released', async () => {
  const credit = new Credit(0)
  const all = [credit.take(5), credit.take(5)]
  credit.release()
  await Promise.all(all)
  await credit.take(1e9)
})
