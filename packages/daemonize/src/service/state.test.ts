import { afterAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parsePid, readState } from './state.ts'
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

describe('readState()', () => {
  const folder = mkdtempSync(`${tmpdir()}/state-`)
  afterAll(() => rmSync(folder, { recursive: true }))
  const processes = { cgroup: null, pid: 5, start: 1, session: 5, keeper: 0, keeper_start: 0 }
  const record = {
    ...processes,
    id: '0'.repeat(32),
    boot: 'b',
    conf: '/c',
    started: 1,
    listen: [],
    restarts: 0,
  }
  const read = (text: string) => {
    writeFileSync(`${folder}/state`, text)
    return readState(`${folder}/state`)
  }
  it('reads what the keeper has written', () =>
    expect(read(JSON.stringify(record))).toEqual({ value: record }))
  it.each([
    ['half a record', JSON.stringify(record).slice(0, -9)],
    ['a time that is none', JSON.stringify({ ...record, started: 8.64e15 + 1 })],
    ['a time in words', JSON.stringify({ ...record, started: 'today' })],
    ['another id', JSON.stringify({ ...record, id: '../x' })],
  ])('refuses %s', (_, text) => expect(read(text)).toEqual({ bad: 'it is no state record' }))
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
