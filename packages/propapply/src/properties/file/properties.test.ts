// What the file properties do to real files, under three shells and three sets of utilities.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeAction, makeCall, makeFarSides, runCalls, type FarSide } from '../../shell/far-side.testing.ts'

const isRoot = process.getuid?.() === 0
let directory = ''
const at = (name: string) => join(directory, name)
const modeOf = (name: string) => (fs.lstatSync(at(name)).mode & 0o7777).toString(8)

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'propapply-file-'))
})
afterEach(() => {
  const left = fs
    .readdirSync(directory, { recursive: true })
    .filter((name) => String(name).includes('.propapply'))
  fs.rmSync(directory, { recursive: true })
  expect(left).toEqual([])
})

describe.each(makeFarSides())('under $name', (side: FarSide) => {
  const apply = async (property: string, fields: Record<string, unknown>, more: object = {}) => {
    const { unapply = false, ...options } = more as {
      unapply?: boolean
      mode?: object
      as?: string
      input?: Buffer
    }
    const path = typeof fields['path'] === 'string' ? at(fields['path']) : undefined
    const call = await makeCall(property, { ...fields, ...(path && { path }) }, unapply)
    const { steps, ended } = runCalls(side, [call], options)
    expect(ended).toBe(true)
    return steps[0] ?? { result: 'none', reason: '', stderr: '', diff: '' }
  }
  /** The result of a first and a second application. */
  const twice = async (property: string, fields: Record<string, unknown>, more: object = {}) => [
    (await apply(property, fields, more)).result,
    (await apply(property, fields, more)).result,
  ]

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

  test.each(['600', '644', '777', '2755', '4711', '1644', '6000', '7777', '400'])(
    'mode %s of a file that is replaced is kept',
    async (mode) => {
      fs.writeFileSync(at('f'), 'b\n')
      fs.chmodSync(at('f'), mode)
      if (isRoot) fs.chownSync(at('f'), 1234, 2345)
      if (isRoot) fs.chmodSync(at('f'), mode)
      expect((await apply('file.contains-lines', { path: 'f', lines: ['a'] })).result).toBe('changed')
      expect(modeOf('f')).toBe(mode)
      if (isRoot) expect(fs.statSync(at('f'))).toMatchObject({ uid: 1234, gid: 2345 })
    },
  )

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
    expect(fs.readdirSync(directory)).toEqual([])
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
    fs.chmodSync(directory, 0o755)
    fs.writeFileSync(at('f'), 'a\n')
    fs.chmodSync(at('f'), 0o644)
    fs.writeFileSync(at('secret'), 'a\n', { mode: 0o600 })
    const as = { as: '65534' }
    expect((await apply('file.has-content', { path: 'f', content: 'a\n' }, as)).result).toBe('ok')
    expect((await apply('file.has-content', { path: 'f', content: 'b\n' }, as)).result).toBe('failed')
    expect((await apply('file.contains-lines', { path: 'f', lines: ['b'] }, as)).result).toBe('failed')
    expect((await apply('file.lacks-lines', { path: 'secret', lines: ['b'] }, as)).result).toBe('failed')
    expect((await apply('file.directory-exists', { path: 'd' }, as)).result).toBe('failed')
    expect((await apply('file.symlinked', { path: 'l', target: 'd' }, as)).result).toBe('failed')
    expect((await apply('file.does-not-exist', { path: 'f' }, as)).result).toBe('failed')
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('a\n')
    expect(fs.readdirSync(directory).sort()).toEqual(['f', 'secret'])
  })

  test.runIf(isRoot)('the owner that an unprivileged user cannot keep is not changed', async () => {
    fs.chmodSync(directory, 0o777)
    fs.writeFileSync(at('f'), 'a\n', { mode: 0o644 })
    expect((await apply('file.contains-lines', { path: 'f', lines: ['b'] }, { as: '65534' })).result).toBe(
      'failed',
    )
    expect([fs.readFileSync(at('f'), 'utf8'), fs.statSync(at('f')).uid]).toEqual(['a\n', 0])
  })

  test('--check touches nothing and says what would change', async () => {
    const check = { mode: { check: true } }
    fs.writeFileSync(at('f'), 'a\n')
    const before = fs.statSync(directory).mtimeMs
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
    expect(fs.readdirSync(directory)).toEqual(['f'])
    expect(fs.statSync(directory).mtimeMs).toBe(before)
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
      ...['changed', 'changed', 'changed', 'changed', 'changed', 'failed', 'changed', 'skipped'],
    ])
    expect(fs.readdirSync(directory)).toEqual([])
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
