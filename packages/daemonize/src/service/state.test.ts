import { describe, expect, it } from 'vitest'
import { parsePid } from './state.ts'
import { findProcess, parseStat, readProcess } from './process.ts'

describe('parsePid()', () => {
  it.each(['2', '4242\n', '4194304'])('takes %j', (text) => expect(parsePid(text)).toBe(Number(text)))
  it.each([
    '',
    '\n',
    '0',
    '1',
    '-1',
    '+5',
    ' 5',
    '5 ',
    '5\n\n',
    '0x10',
    '1e3',
    '007',
    '5\n6',
    '4194305',
    '99999999999',
    '#.(x)',
    '5\0',
  ])('refuses %j', (text) => expect(parsePid(text)).toBeUndefined())
})

describe('parseStat()', () => {
  it('is not misled by a name with parentheses and spaces', () => {
    const numbers = Array.from({ length: 48 }, (_, index) => String(index + 4)).join(' ')
    expect(parseStat(`77 (a) Z (b c) S ${numbers}`)).toEqual({
      pid: 77,
      state: 'S',
      parent: 4,
      session: 6,
      start: 22,
    })
  })
  it('finds this process by number and start, and not by another start', () => {
    const own = readProcess(process.pid)
    expect(own && findProcess(own)?.pid).toBe(process.pid)
    expect(own && findProcess({ ...own, start: own.start + 1 })).toBeUndefined()
  })
})
