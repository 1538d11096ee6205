// --check and --diff, under three shells.
import * as fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../property.ts'
import { makeCall, makeFarSides, runCalls } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

describe.each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)
  const { apply, at } = files

  test('--check touches nothing and says what would change', async () => {
    const check = { mode: { check: true } }
    fs.writeFileSync(at('f'), 'a\n')
    const before = fs.statSync(files.path).mtimeMs
    const changes: [string, object][] = [
      ['file.has-content', { path: 'f', content: 'b' }],
      ['file.has-content', { path: 'new', content: '' }],
      ['file.contains-lines', { path: 'f', lines: ['b'] }],
      ['file.directory-exists', { path: 'd/e' }],
      ['file.symlinked', { path: 'l', target: 'x' }],
      ['file.does-not-exist', { path: 'f' }],
      ['file.has-mode', { path: 'f', mode: '0600' }],
      ['file.is-copy-of', { path: 'g', source: at('f') }],
    ]
    for (const [property, fields] of changes) {
      expect([property, (await apply(property, { ...fields }, check)).result]).toEqual([property, 'changed'])
    }
    expect((await apply('file.has-content', { path: 'f', content: 'a\n' }, check)).result).toBe('ok')
    expect(fs.readdirSync(files.path)).toEqual(['f'])
    expect(fs.statSync(files.path).mtimeMs).toBe(before)
  })

  test('--check of what depends on an earlier change is no failure', async () => {
    const calls = await Promise.all([
      makeCall('file.directory-exists', { path: at('d/e'), mode: '0700' }),
      makeCall('file.has-content', { path: at('d/e/f'), content: 'x', mode: '0600' }),
      makeCall('file.has-mode', { path: at('d/e/f'), mode: '0600' }),
      makeCall('file.contains-lines', { path: at('d/g'), lines: ['x'] }),
      makeCall('file.is-copy-of', { path: at('h'), source: at('d/e/f') }),
      makeCall('file.has-mode', { path: at('elsewhere'), mode: '0600' }),
      makeCall('cmd.single', { command: 'make-it' }),
      makeCall('file.has-mode', { path: at('elsewhere'), mode: '0600' }),
    ])
    const { steps } = runCalls(side, calls, { mode: { check: true } })
    expect(steps.map(({ result }) => result)).toEqual([
      'changed',
      'changed',
      'changed',
      'changed',
      'changed',
      'failed',
      'changed',
      'skipped',
    ])
    expect(fs.readdirSync(files.path)).toEqual([])
  })

  test('--check says that there is no such owner, unless one may come before', async () => {
    const fields = { path: at('f'), content: '', owner: 'plumbline-nobody' }
    const large = { ...fields, content: 'x'.repeat(1_000_000) }
    const make = await makeCall('cmd.single', { command: 'useradd plumbline-nobody' })
    const add = await makeCall('file.contains-lines', { path: '/etc/passwd', lines: ['x:y'] })
    const calls = await Promise.all([
      makeCall('file.has-content', fields),
      makeCall('file.has-content', large),
      makeCall('file.directory-exists', { path: at('d'), group: 'plumbline-nobody' }),
    ])
    const check = (before: readonly Call[]) =>
      runCalls(side, [...before, ...calls], { mode: { check: true } })
        .steps.slice(before.length)
        .map(({ result }) => result)
    expect(check([])).toEqual(['failed', 'failed', 'failed'])
    expect(check([make])).toEqual(['skipped', 'skipped', 'skipped'])
    expect(check([add])).toEqual(['changed', 'changed', 'failed'])
  })

  test('--diff shows what changes, with and without --check', async () => {
    fs.writeFileSync(at('f'), 'a\n')
    const fields = { path: 'f', lines: ['b'] }
    const { diff } = await apply('file.contains-lines', fields, { mode: { check: true, diff: true } })
    expect(diff).toMatch(/^--- .*\n\+\+\+ .*\n@@ .*\n a\n\+b\n/)
    expect((await apply('file.contains-lines', fields, { mode: { diff: true } })).diff).toMatch(/\n\+b\n/)
    expect((await apply('file.contains-lines', fields, { mode: { diff: true } })).diff).not.toMatch(/\+b/)
  })
})
