import { expect, test } from 'vitest'
import { translatePattern, translateReplacement } from './pattern.ts'

test.each([
  ['^a.*b$', '^a.*b$'],
  ['a\\s+\\d', 'a[[:space:]]+[0-9]'],
  ['\\(\\[\\\\', '\\(\\[\\\\'],
  ['[]\\s]x', '[]\\s]x'],
  ['[^][:alpha:]\\d]', '[^][:alpha:]\\d]'],
  ['(a)\\1', '(a)\\1'],
])('translatePattern(%j)', (pattern, translated) => expect(translatePattern(pattern)).toBe(translated))

test.each(['', '\\b', '\\<a', 'a\\', '\\z', '\\0'])('translatePattern() refuses %j', (pattern) =>
  expect(translatePattern(pattern)).toBeUndefined(),
)

test.each([
  ['a&b', 'a\\&b'],
  ['\\&\\1', '&\\1'],
  ['\\\\&', '\\\\\\&'],
])('translateReplacement(%j)', (replacement, translated) =>
  expect(translateReplacement(replacement)).toBe(translated),
)

test.each(['\\n', '\\', '\\0'])('translateReplacement() refuses %j', (replacement) =>
  expect(translateReplacement(replacement)).toBeUndefined(),
)
