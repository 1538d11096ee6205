// native().beginFile() and finishFile(): files that are made beside what else goes on.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native } from './native.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'make-file-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const begin = (name: string, contents: string, mode = 0o444) =>
  native().beginFile(join(folder, name), '.guard', Buffer.from(contents), mode, 1)

describe('a file', () => {
  const orders: Readonly<Record<string, (a: number, b: number) => number>> = {
    'as they were begun': (a, b) => a - b,
    'the last one first': (a, b) => b - a,
    'in another order': (a, b) => ((a * 7) % 500) - ((b * 7) % 500),
  }
  it.each(Object.entries(orders))('is what was given: many at once, finished %s', (_, order) => {
    const text = (index: number) => `${index} `.repeat(index)
    const numbers = Array.from({ length: 500 }, (__, index) => begin(String(index), text(index)))
    expect(new Set(numbers).size).toBe(500)
    for (const index of [...numbers.keys()].sort(order)) {
      expect(native().finishFile(numbers[index] ?? -1)).toBe(1)
      const file = join(folder, String(index))
      expect(readFileSync(file, 'utf8')).toBe(text(index))
      const { mode, mtimeMs, nlink } = statSync(file)
      expect({ mode: mode & 0o777, mtimeMs, nlink }).toEqual({ mode: 0o444, mtimeMs: 1000, nlink: 1 })
    }
  })

  it('may be large, or empty', () => {
    const large = 'x'.repeat(20_000_000)
    const [first, second] = [begin('large', large), begin('empty', '')]
    expect([native().finishFile(second), native().finishFile(first)]).toEqual([1, 1])
    expect(readFileSync(join(folder, 'large'), 'utf8') === large).toBe(true)
    expect(readFileSync(join(folder, 'empty'), 'utf8')).toBe('')
  })

  it('is not made where there is something of its name', () => {
    writeFileSync(join(folder, 'taken'), 'before')
    const numbers = ['free', 'taken', 'other'].map((name) => begin(name, 'after'))
    expect(numbers.map((number) => native().finishFile(number))).toEqual([1, 0, 1])
    expect(readFileSync(join(folder, 'taken'), 'utf8')).toBe('before')
  })

  it('is not made where there is its guard, whatever that is', () => {
    symlinkSync('nowhere', join(folder, 'guarded.guard'))
    const numbers = ['free', 'guarded', 'other'].map((name) => begin(name, name))
    expect(native().finishFile(numbers[0] ?? -1)).toBe(1)
    expect(() => native().finishFile(numbers[1] ?? -1)).toThrow(expect.objectContaining({ code: 'EBUSY' }))
    expect(native().finishFile(numbers[2] ?? -1)).toBe(1)
    expect(readdirSync(folder).sort()).toEqual(['free', 'guarded.guard', 'other'])
  })

  it('that cannot be made fails by itself, when it is finished', () => {
    const numbers = ['a', 'missing/b', 'c'].map((name) => begin(name, name))
    expect(native().finishFile(numbers[0] ?? -1)).toBe(1)
    expect(() => native().finishFile(numbers[1] ?? -1)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(native().finishFile(numbers[2] ?? -1)).toBe(1)
    expect(readdirSync(folder).sort()).toEqual(['a', 'c'])
  })

  it('is finished once', () => {
    const number = begin('once', 'x')
    expect(native().finishFile(number)).toBe(1)
    for (const wrong of [number, -1, 1_000_000])
      expect(() => native().finishFile(wrong)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
  })
})
