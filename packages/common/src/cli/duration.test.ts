import { describe, expect, test } from 'vitest'
import { parseDuration, parseDurationOption } from './duration.ts'

describe('parseDuration()', () => {
  test.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['30', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
    ['2147483647ms', 2 ** 31 - 1],
  ])('reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each(['', 's', '-1s', '1w', '1 s', '30s ', 'NaN', '1e3', '.5s', '1.s', '1S', '٣s', 'Infinity'])(
    'refuses %j',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  )

  test('refuses what a timer cannot wait, unless it is for no timer', () => {
    expect(parseDuration('2147483648ms')).toBeUndefined()
    expect(parseDuration('30d')).toBeUndefined()
    expect(parseDuration('30d', Infinity)).toBe(2_592_000_000)
  })
})

test('parseDurationOption() names the option and what it expects', () => {
  expect(parseDurationOption('2m', '--linger')).toBe(120_000)
  expect(() => parseDurationOption('soon', '--linger')).toThrow(
    'Option --linger expects a duration such as 30s or 2m, found "soon"',
  )
})
