// The editors of lines on real files, under three shells, seds and awks. What they make of text is in vectors/.
import * as fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeFarSides } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

describe.each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)
  const { apply, at, twice } = files

  test.each([
    ['file.contains-lines', { lines: ['new'] }],
    ['file.lacks-lines', { lines: ['a'] }],
    ['file.lacks-lines-matching', { patterns: ['a'] }],
    ['file.regex-replaced-lines', { pattern: 'a', replacement: 'b' }],
    ['file.contains-conf-equals', { settings: { k: 'v' } }],
  ])('%s leaves a file with NUL bytes alone and says so', async (property, fields) => {
    const content = Buffer.from('a\nx\0y\n\0')
    fs.writeFileSync(at('f'), content)
    const step = await apply(property, { path: 'f', ...fields })
    expect(step).toMatchObject({ result: 'failed', stderr: expect.stringContaining('NUL') })
    expect(fs.readFileSync(at('f'))).toEqual(content)
  })

  test('lines that look like options, assignments or escapes are lines', async () => {
    const lines = ['-v', '--', 'x=1', 'a\\tb', '\\', '/', '  ', 'é\u0081', "it's", '10.0', '-']
    expect(await twice('file.contains-lines', { path: 'f', lines })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe(lines.map((line) => `${line}\n`).join(''))
    // Equal as numbers, not as lines.
    expect((await apply('file.contains-lines', { path: 'f', lines: ['10'] })).result).toBe('changed')
    expect((await apply('file.contains-lines', { path: 'f', lines }, { unapply: true })).result).toBe(
      'changed',
    )
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('10\n')
  })

  test('patterns are extended regular expressions with intervals, classes and slashes', async () => {
    fs.writeFileSync(at('f'), 'aa\naaa\n/dev/x 1\n\td\n(b)\n')
    await apply('file.lacks-lines-matching', {
      path: 'f',
      patterns: ['^a{3}$', '^/dev/[a-z]+\\s\\d', '^\\t'],
    })
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('aa\n(b)\n')
    await apply('file.regex-replaced-lines', {
      path: 'f',
      pattern: '^\\((.)\\)$',
      replacement: '/&\\1\\\\\\&',
    })
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('aa\n/&b\\(b)\n')
  })

  test('a pattern that sed does not take fails and leaves the file', async () => {
    fs.writeFileSync(at('f'), 'a\n')
    expect((await apply('file.lacks-lines-matching', { path: 'f', patterns: ['('] })).result).toBe('failed')
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n')
  })

  test('file.contains-block is removed by an empty block and by unapplying', async () => {
    fs.writeFileSync(at('f'), 'a\n')
    const block = { path: 'f', block: 'x\ny', marker: 'web' }
    expect(await twice('file.contains-block', block)).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n# BEGIN web\nx\ny\n# END web\n')
    expect(await twice('file.contains-block', block, { unapply: true })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n')
    await apply('file.contains-block', block)
    expect(await twice('file.contains-block', { ...block, block: '' })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n')
  })

  test('file.contains-block keeps what is between markers the wrong way round', async () => {
    fs.writeFileSync(at('f'), '# END m\nmine\n# BEGIN m\n')
    expect(await twice('file.contains-block', { path: 'f', block: 'x', marker: 'm' })).toEqual([
      'changed',
      'ok',
    ])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('# BEGIN m\nx\n# END m\nmine\n')
  })
})
