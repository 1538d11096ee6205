import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { stayAwake } from './stay-awake.ts'

vi.mock('node:os', () => ({ availableParallelism: () => 2 }))

let now = 1000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] })
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const turn = () => vi.runOnlyPendingTimers()
const isAwake = () => vi.getTimerCount() > 0

it('is awake while questions come, sleeps when none does, and then through the next ones', () => {
  stayAwake()
  for (let question = 0; question < 100; question++) {
    now += 0.08
    turn()
    expect(isAwake()).toBe(true)
    stayAwake()
    expect(vi.getTimerCount()).toBe(1)
  }
  now += 0.11
  turn()
  expect(isAwake()).toBe(false)

  now += 0.5
  stayAwake()
  expect(isAwake()).toBe(false)
  now += 0.5
  stayAwake()
  expect(isAwake()).toBe(true)
  now += 0.11
  turn()
  expect(isAwake()).toBe(false)
})
