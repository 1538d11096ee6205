// file.has-content and its kin on real files, under three shells and three sets of utilities.
import * as fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeAction, makeFarSides, runCalls } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

describe.each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)
  const { apply, at, isRoot, modeOf, twice } = files

  const everyCharacter = Buffer.from(Array.from({ length: 127 }, (_, i) => i + 1)).toString('latin1')
  const texts: [string, string][] = [
    ['nothing', ''],
    ['one newline', '\n'],
    ['no final newline', 'a\nb'],
    ['three final newlines', 'a\n\n\n'],
    ['every ASCII character', everyCharacter],
    ['letters of many bytes', 'é…𝄞\u0080\u0081\u0088\u00ff'.repeat(9)],
    ['CRLF', 'a\r\nb\r\n'],
    ['what shells obey', `'"$(touch /tmp/no)\`\\ \\n %s %% ! * ~ \${x} -n`],
    ['2048 bytes', 'x'.repeat(2048)],
    ['2049 bytes', 'y'.repeat(2049)],
    ['100000 bytes', "line of text with 'quotes'\n".repeat(3800)],
  ]

  test.each(texts)('file.has-content writes %s', async (_, content) => {
    expect(await twice('file.has-content', { path: 'f', content })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe(content)
    fs.writeFileSync(at('f'), `${content}z`)
    expect(await twice('file.has-content', { path: 'f', content })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe(content)
  })

  test.each([
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    Buffer.from([0]),
    Buffer.from('%d\\\0%%\xff'),
  ])('file.has-content writes bytes %#', async (bytes) => {
    const fields = { path: 'f', content_base64: bytes.toString('base64') }
    expect(await twice('file.has-content', fields)).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'))).toEqual(bytes)
    // As long, and the same but for NUL bytes, which a shell cannot see.
    fs.writeFileSync(at('f'), Buffer.alloc(bytes.length, 1))
    expect(await twice('file.has-content', fields)).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'))).toEqual(bytes)
  })

  test('file.has-content tells a NUL byte from a newline at the end', async () => {
    fs.writeFileSync(at('f'), 'a\0\n')
    expect(await twice('file.has-content', { path: 'f', content: 'a\n\n' })).toEqual(['changed', 'ok'])
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n\n')
  })

  test('content too large for the program is asked for, and only when it is needed', async () => {
    const content = Buffer.from(Array.from({ length: 300_001 }, (_, i) => (i * 31) % 256))
    const action = await makeAction('file.has-content', {
      path: at('f'),
      content_base64: content.toString('base64'),
      mode: '0600',
    })
    const run = (input: Buffer) => runCalls(side, [action.call, ['does_not_exist', at('g')]], { input })
    expect(run(Buffer.concat([content, Buffer.from('rest')])).steps.map(({ result }) => result)).toEqual([
      'changed',
      'ok',
    ])
    expect(fs.readFileSync(at('f'))).toEqual(content)
    expect(modeOf('f')).toBe('600')
    expect(run(Buffer.alloc(0)).steps.map(({ result }) => result)).toEqual(['ok', 'ok'])
  })

  test('content that is cut off leaves the old file', async () => {
    fs.writeFileSync(at('f'), 'old')
    const content = Buffer.alloc(300_001, 'x').toString()
    const { call } = await makeAction('file.has-content', { path: at('f'), content })
    const [step] = runCalls(side, [call], { input: Buffer.alloc(200_000, 'x') }).steps
    expect(step).toMatchObject({ result: 'failed', stderr: expect.stringContaining('did not arrive whole') })
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('old')
  })

  test('a new file has mode 0644 or what is asked for, whatever the mask', async () => {
    await apply('file.has-content', { path: 'a', content: '' })
    await apply('file.has-content', { path: 'b', content: 'x', mode: '4751' })
    await apply('file.contains-lines', { path: 'c', lines: ['x'] })
    expect(['a', 'b', 'c'].map(modeOf)).toEqual(['644', '4751', '644'])
    expect(await twice('file.has-content', { path: 'a', content: '', mode: '600' })).toEqual([
      'changed',
      'ok',
    ])
    expect(modeOf('a')).toBe('600')
  })

  const modes = ['600', '644', '777', '2755', '4711', '1644', '7777', '400', ...(isRoot ? ['6000'] : [])]
  test.each(modes)('mode %s of a file that is replaced is kept', async (mode) => {
    fs.writeFileSync(at('f'), 'b\n')
    fs.chmodSync(at('f'), mode)
    if (isRoot) fs.chownSync(at('f'), 1234, 2345)
    if (isRoot) fs.chmodSync(at('f'), mode)
    expect((await apply('file.contains-lines', { path: 'f', lines: ['a'] })).result).toBe('changed')
    expect(modeOf('f')).toBe(mode)
    if (isRoot) expect(fs.statSync(at('f'))).toMatchObject({ uid: 1234, gid: 2345 })
  })

  test('directories above a new file are made, but not for a mode that may be a secret', async () => {
    expect((await apply('file.has-content', { path: 'a/b/f', content: '' })).result).toBe('changed')
    expect(modeOf('a/b')).toBe('755')
    const secret = await apply('file.has-content', { path: 'c/f', content: '', mode: '0600' })
    expect(secret).toMatchObject({
      result: 'failed',
      stderr: expect.stringContaining('there is no directory'),
    })
  })

  test('a link is read through, and replaced when it has to change', async () => {
    fs.writeFileSync(at('real'), 'a\n')
    fs.symlinkSync('real', at('link'))
    expect((await apply('file.has-content', { path: 'link', content: 'a\n' })).result).toBe('ok')
    expect((await apply('file.has-content', { path: 'link', content: 'b\n' })).result).toBe('changed')
    expect([fs.lstatSync(at('link')).isFile(), fs.readFileSync(at('real'), 'utf8')]).toEqual([true, 'a\n'])
  })

  test.each(['file.has-content', 'file.contains-lines'])('%s refuses what is no file', async (property) => {
    fs.mkdirSync(at('d'))
    const fields = property === 'file.has-content' ? { content: 'x' } : { lines: ['x'] }
    const step = await apply(property, { path: 'd', ...fields })
    expect(step).toMatchObject({ result: 'failed', stderr: expect.stringContaining('is a directory') })
  })
})
