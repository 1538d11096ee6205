import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeBulk, encodeBulk } from './bulk.ts'

const long = 'QUJD'.repeat(400)
const decode = (text: string) => decodeBulk(Buffer.from(text))

describe('bulk records', () => {
  it.each([1025, 1026, 1027, 65_536])('of %i bytes are what JSON makes of them', (size) => {
    const bytes = randomBytes(size)
    const line = encodeBulk({ type: 'output', id: 'ü"1', stream: 'stdout' }, bytes)
    const record = { type: 'output', id: 'ü"1', stream: 'stdout', data_base64: bytes.toString('base64') }
    expect(JSON.parse(line)).toEqual(record)
    expect(decode(line.trimEnd())).toEqual(record)
  })

  it.each([
    ['a short line', '{"type":"x","data_base64":"QUJD"}'],
    ['another field last', `{"type":"x","data_base64":"${long}","id":"1"}`],
    ['the field of an object within', `{"type":"x","in":{"a":1,"data_base64":"${long}"}`],
    ['the same, whole', `{"type":"x","in":{"a":1,"data_base64":"${long}"}}`],
    ['the words in a text', `{"type":"x","in":",\\"data_base64\\":\\"${long}"}`],
    ['an escape in the data', `{"type":"x","data_base64":"${long}\\u0041"}`],
    ['what is no JSON', `{"type":x,"data_base64":"${long}"}`],
    ['an array', `["x","data_base64":"${long}"}`],
    ['text', `{"type":"x","data":"${long}"}`],
  ])('leaves %s to JSON', (_, line) => expect(decode(line)).toBeUndefined())
})
