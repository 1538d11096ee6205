import { describe, expect, it } from 'vitest'
import { decodeText, encodeText, fieldText, textField, toFilePath } from './byte-text.ts'

const cases: [string, number[]][] = [
  ['every byte', Array.from({ length: 256 }, (_, index) => index)],
  ['a surrogate, which UTF-8 has none of', [0xed, 0xb2, 0x80, 0x41]],
  ['an overlong form', [0xc0, 0xaf, 0xe0, 0x80, 0xaf, 0xf0, 0x80, 0x80, 0xaf]],
  ['what is beyond Unicode', [0xf4, 0x90, 0x80, 0x80, 0xf5]],
  ['a sequence that is cut off', [0xf0, 0x9f, 0x90]],
]

describe('byte text', () => {
  it.each(cases)('keeps %s', (_, bytes) => {
    const given = Buffer.from(bytes)
    expect(encodeText(decodeText(given))).toEqual(given)
    expect(
      encodeText(fieldText({ type: 'x', ...textField('path', decodeText(given)) }, 'path') ?? ''),
    ).toEqual(given)
  })

  it('is the text itself where it is UTF-8', () => {
    const text = 'früh ☀ 🐎'
    expect(decodeText(Buffer.from(text))).toBe(text)
    expect([toFilePath(text), textField('path', text)]).toEqual([text, { path: text }])
  })

  it('holds the readable parts of what is not', () => {
    const text = decodeText(Buffer.from('2f66fc682fc3bc', 'hex'))
    expect(text).toBe('/f\udcfch/ü')
    expect([toFilePath(text), textField('path', text)]).toEqual([
      Buffer.from('2f66fc682fc3bc', 'hex'),
      { path_base64: Buffer.from('2f66fc682fc3bc', 'hex').toString('base64') },
    ])
  })
})
