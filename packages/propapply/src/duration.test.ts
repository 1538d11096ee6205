import { expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

test.each([
  ['500ms', 500],
  ['1.5s', 1500],
  ['30', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('parseDuration() reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms))

test.each(['', 's', '-1s', '0', '0ms', '1w', '1 s', '30s ', '99999d', 'NaN', '1e3'])(
  'parseDuration() refuses %j',
  (text) => expect(parseDuration(text)).toBeUndefined(),
)
