import { expect, test } from 'vitest'
import { printable } from './printable.ts'

test.each([
  ['plain, ünï\tcode\n', 'plain, ünï\tcode\n'],
  ['\u001b[31mred\u0007', '\\x1b[31mred\\x07'],
  ['a\rb\u0000\u007f\u009b', 'a\\x0db\\x00\\x7f\\x9b'],
  ['/f\udcfcr/\ud800', '/f\\xfcr/\ufffd'],
  ['evil\u202etxt.exe\u2066', 'evil\\u202etxt.exe\\u2066'],
])('printable(%j)', (text, shown) => expect(printable(text)).toBe(shown))
