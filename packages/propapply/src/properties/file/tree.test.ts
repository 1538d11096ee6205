// Directories, links, removals, copies, modes and owners, under three sets of utilities; and who may not.
import * as fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeFarSides } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

describe.each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)
  const { apply, at, isRoot, modeOf, twice } = files

  test('file.directory-exists makes parents, and sets mode and owner', async () => {
    const owner = isRoot ? { owner: 'daemon', group: '7' } : {}
    const fields = { path: 'a/b', mode: '2750', ...owner }
    expect(await twice('file.directory-exists', fields)).toEqual(['changed', 'ok'])
    expect([modeOf('a'), modeOf('a/b')]).toEqual(['755', '2750'])
    if (isRoot) expect(fs.statSync(at('a/b'))).toMatchObject({ uid: 1, gid: 7 })
    fs.chmodSync(at('a/b'), '755')
    expect(await twice('file.directory-exists', fields)).toEqual(['changed', 'ok'])
    expect(modeOf('a/b')).toBe('2750')
    fs.writeFileSync(at('a/b/x'), '')
    expect((await apply('file.directory-exists', fields, { unapply: true })).result).toBe('failed')
    fs.rmSync(at('a/b/x'))
    expect(await twice('file.directory-exists', fields, { unapply: true })).toEqual(['changed', 'ok'])
  })

  test('file.symlinked replaces links, also to directories, and nothing else', async () => {
    fs.mkdirSync(at('d1'))
    fs.mkdirSync(at('d2'))
    expect(await twice('file.symlinked', { path: 'l', target: 'd1' })).toEqual(['changed', 'ok'])
    expect(await twice('file.symlinked', { path: 'l', target: 'd2' })).toEqual(['changed', 'ok'])
    expect(await twice('file.symlinked', { path: 'l', target: '/not/there -n' })).toEqual(['changed', 'ok'])
    expect(fs.readlinkSync(at('l'))).toBe('/not/there -n')
    expect([fs.readdirSync(at('d1')), fs.readdirSync(at('d2'))]).toEqual([[], []])
    expect(await twice('file.symlinked', { path: 'l', target: 'x' }, { unapply: true })).toEqual([
      'changed',
      'ok',
    ])
    expect((await apply('file.symlinked', { path: 'd1', target: 'd2' })).result).toBe('failed')
    expect((await apply('file.symlinked', { path: 'd1', target: 'd2' }, { unapply: true })).result).toBe('ok')
  })

  test('files and directories are removed, each by its own property', async () => {
    fs.mkdirSync(at('d/e'), { recursive: true })
    fs.writeFileSync(at('d/e/f'), '')
    fs.writeFileSync(at('f'), '')
    fs.symlinkSync('d', at('l'))
    fs.symlinkSync('nowhere', at('broken'))
    expect((await apply('file.does-not-exist', { path: 'd' })).result).toBe('failed')
    expect((await apply('file.directory-does-not-exist', { path: 'f' })).result).toBe('failed')
    expect((await apply('file.directory-does-not-exist', { path: 'l' })).result).toBe('failed')
    for (const path of ['f', 'l', 'broken']) {
      expect(await twice('file.does-not-exist', { path })).toEqual(['changed', 'ok'])
    }
    expect(fs.existsSync(at('d/e/f'))).toBe(true)
    expect(await twice('file.directory-does-not-exist', { path: 'd' })).toEqual(['changed', 'ok'])
    expect(fs.readdirSync(files.path)).toEqual([])
  })

  test('file.is-copy-of copies content, mode and owner through a link', async () => {
    fs.writeFileSync(at('s'), 'a\0b')
    fs.chmodSync(at('s'), '640')
    if (isRoot) fs.chownSync(at('s'), 12, 34)
    fs.symlinkSync('s', at('l'))
    expect(await twice('file.is-copy-of', { path: 'f', source: at('l') })).toEqual(['changed', 'ok'])
    expect([fs.readFileSync(at('f'), 'latin1'), modeOf('f')]).toEqual(['a\0b', '640'])
    if (isRoot) expect(fs.lstatSync(at('f'))).toMatchObject({ uid: 12, gid: 34 })
    expect((await apply('file.is-copy-of', { path: 'g', source: at('none') })).result).toBe('failed')
  })

  test('file.has-mode follows a link, file.has-ownership does not', async () => {
    fs.writeFileSync(at('f'), '')
    fs.symlinkSync('f', at('l'))
    expect(await twice('file.has-mode', { path: 'l', mode: '0604' })).toEqual(['changed', 'ok'])
    expect(modeOf('f')).toBe('604')
    if (isRoot) {
      expect(await twice('file.has-ownership', { path: 'l', owner: 'daemon' })).toEqual(['changed', 'ok'])
      expect([fs.lstatSync(at('l')).uid, fs.statSync(at('f')).uid]).toEqual([1, 0])
      expect(await twice('file.has-ownership', { path: 'f', group: 'daemon' })).toEqual(['changed', 'ok'])
    }
    const step = await apply('file.has-ownership', { path: 'f', owner: 'no-such-user' })
    expect(step).toMatchObject({
      result: 'failed',
      stderr: expect.stringContaining('no user "no-such-user"'),
    })
    expect((await apply('file.has-mode', { path: 'none', mode: '0644' })).result).toBe('failed')
  })

  test.runIf(isRoot)('a user who may not write gets a failure, and nothing is left', async () => {
    fs.chmodSync(files.path, 0o755)
    fs.writeFileSync(at('f'), 'a\n')
    fs.chmodSync(at('f'), 0o644)
    fs.writeFileSync(at('secret'), 'a\n', { mode: 0o600 })
    const as = { as: '65534' }
    expect((await apply('file.has-content', { path: 'f', content: 'a\n' }, as)).result).toBe('ok')
    const refused = await apply('file.has-content', { path: 'f', content: 'b\n' }, as)
    expect(refused.result).toBe('failed')
    expect(refused.stderr).toContain(`"${at('f')}" could not be written and is as it was\n`)
    expect((await apply('file.contains-lines', { path: 'f', lines: ['b'] }, as)).result).toBe('failed')
    expect((await apply('file.lacks-lines', { path: 'secret', lines: ['b'] }, as)).result).toBe('failed')
    expect((await apply('file.directory-exists', { path: 'd' }, as)).result).toBe('failed')
    expect((await apply('file.symlinked', { path: 'l', target: 'd' }, as)).result).toBe('failed')
    expect((await apply('file.does-not-exist', { path: 'f' }, as)).result).toBe('failed')
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n')
    expect(fs.readdirSync(files.path).sort()).toEqual(['f', 'secret'])
  })

  test.runIf(isRoot)('the owner that an unprivileged user cannot keep is not changed', async () => {
    fs.chmodSync(files.path, 0o777)
    fs.writeFileSync(at('f'), 'a\n', { mode: 0o644 })
    expect((await apply('file.contains-lines', { path: 'f', lines: ['b'] }, { as: '65534' })).result).toBe(
      'failed',
    )
    expect([fs.readFileSync(at('f'), 'utf8'), fs.statSync(at('f')).uid]).toEqual(['a\n', 0])
  })
})
