import { expect, test } from 'vitest'
import { encodeRecord } from './encode.ts'
import { bytesField, fieldBytes } from './bytes.ts'

test('encodeRecord() writes one line, type first, without what is undefined', () => {
  const record = { type: 'x', text: 'a\nb\u2028', nothing: null, left: undefined }
  expect(encodeRecord(record)).toBe('{"type":"x","text":"a\\nb\u2028","nothing":null}\n')
})

const cycle: { type: string; self?: unknown } = { type: 'x' }
cycle.self = cycle

test.each([
  ['NaN', { type: 'x', ms: Number.NaN }, 'Cannot write a record: "ms" is NaN'],
  ['Infinity, deep inside', { type: 'x', a: [{ ms: Infinity }] }, '"ms" is Infinity'],
  ['a bigint', { type: 'x', bytes: 1n }, 'Cannot write a record: '],
  ['a function', { type: 'x', run: () => 1 }, '"run" is no data'],
  ['a symbol', { type: 'x', run: Symbol('x') }, '"run" is no data'],
  ['a circle', cycle, 'Cannot write a record: '],
])('encodeRecord() refuses %s', (_, record, message) => {
  expect(() => encodeRecord(record)).toThrow(expect.objectContaining({ code: 'RECORD_UNWRITABLE', exit: 70 }))
  expect(() => encodeRecord(record)).toThrow(message)
})

test('bytesField() and fieldBytes() keep every byte', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  for (const bytes of [all, Buffer.from('ünï'), Buffer.alloc(0)]) {
    expect(fieldBytes(bytesField('data', bytes), 'data')).toEqual(bytes)
  }
  expect(Object.keys(bytesField('data', all))).toEqual(['data_base64'])
  expect(fieldBytes({ type: 'x' }, 'data')).toBeUndefined()
})

test('encodeRecord() writes no half of a character', () => {
  const line = encodeRecord({ type: 'x', path: 'f\udcfcr', text: 'a \\udcfc 🐎', list: ['\ud83d'] })
  expect(JSON.parse(line)).toEqual({ type: 'x', path: 'f\\xfcr', text: 'a \\udcfc 🐎', list: ['\ufffd'] })
  expect(line).not.toMatch(/[^\\](\\\\)*\\u[dD]/)
})
