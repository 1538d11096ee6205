// Rows of new files and directories, which are made together: they end as if each had been made by itself.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { delimiter } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeCall, makeFarSides, runCalls, type RunOptions } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

type Fields = { path: string; [name: string]: unknown }

describe.each(makeFarSides())('under $name', (side) => {
  const { at, isRoot, modeOf } = useFiles(side)

  async function run(property: string, all: Fields[], options: RunOptions = {}, far = side) {
    const calls = await Promise.all(
      all.map((fields) => makeCall(property, { ...fields, path: at(fields.path) })),
    )
    return runCalls(far, calls, options)
  }
  const write = async (all: Fields[], options: RunOptions = {}) => {
    const { steps } = await run('file.has-content', all, options)
    return steps
  }
  const make = async (all: Fields[], options: RunOptions = {}) => {
    const { steps } = await run('file.directory-exists', all, options)
    return steps
  }
  const resultsOf = (steps: { result: string }[]) => steps.map(({ result }) => result)
  const contentOf = (name: string) => fs.readFileSync(at(name), 'utf8')

  /** A busybox may be built to run its own programs whatever PATH says; then none can be put before them. */
  const lookUp = spawnSync(side.argv[0] ?? '', [...side.argv.slice(1), '-c', 'command -v mv'], {
    env: { PATH: side.path },
    encoding: 'utf8',
  })
  const testOfPath = test.skipIf(!lookUp.stdout.startsWith('/'))

  /** The far side with a program before its own; `$real` in the text is that. */
  const withProgram = (name: string, text: string) => {
    fs.mkdirSync(at('bin'))
    const folder = side.path.split(delimiter).find((each) => fs.existsSync(`${each}/${name}`))
    const source = `#!${side.argv.join(' ')}\n${text.replaceAll('$real', `${folder}/${name}`)}\n`
    fs.writeFileSync(at(`bin/${name}`), source, { mode: 0o755 })
    return { ...side, path: `${at('bin')}:${side.path}` }
  }

  test('new files of several directories, beside what is there and what has other content', async () => {
    for (const name of ['a', 'b']) fs.mkdirSync(at(name))
    fs.writeFileSync(at('a/same'), 'same')
    fs.writeFileSync(at('b/other'), 'before')
    const all: Fields[] = [
      { path: 'a/1', content: "it's\n\n" },
      { path: 'b/1', content: '', mode: '0600' },
      { path: 'a/same', content: 'same' },
      { path: 'a/.dot', content: '-n', mode: '0640' },
      { path: 'b/other', content: 'after' },
      { path: 'a/-f', content: '%s\\n' },
      { path: 'b/a name', content: 'blank' },
      { path: 'b/2', content: 'x'.repeat(100_000), mode: '0755' },
      { path: 'b/3', content: 'last', mode: '0664' },
    ]
    const results = all.map(({ path }) => (path === 'a/same' ? 'ok' : 'changed'))
    expect(resultsOf(await write(all))).toEqual(results)
    for (const { path, content } of all) expect(contentOf(path)).toBe(content)
    expect(all.map(({ path }) => modeOf(path))).toEqual(
      all.map(({ mode }) => (typeof mode === 'string' ? mode.slice(1) : '644')),
    )
    expect(new Set(resultsOf(await write(all)))).toEqual(new Set(['ok']))
  })

  testOfPath(
    'one move for a hundred files of a directory, and one mkdir for as many directories',
    async () => {
      fs.mkdirSync(at('d'))
      const far = withProgram('mv', `echo mv >>${at('log')}; exec $real "$@"`)
      const files = Array.from({ length: 250 }, (_, index) => ({ path: `d/${index}`, content: 'x' }))
      expect(new Set(resultsOf((await run('file.has-content', files, {}, far)).steps))).toEqual(
        new Set(['changed']),
      )
      expect(contentOf('log')).toBe('mv\nmv\nmv\n')
      fs.rmSync(at('bin'), { recursive: true })
      const other = withProgram('mkdir', `echo mkdir >>${at('log')}; exec $real "$@"`)
      const folders = Array.from({ length: 50 }, (_, index) => ({ path: `e/${index}`, mode: '0750' }))
      expect(new Set(resultsOf((await run('file.directory-exists', folders, {}, other)).steps))).toEqual(
        new Set(['changed']),
      )
      expect(contentOf('log')).toBe('mv\nmv\nmv\nmkdir\n')
      expect(new Set(folders.map(({ path }) => modeOf(path)))).toEqual(new Set(['750']))
    },
  )

  test('a file told twice, and by two names', async () => {
    fs.mkdirSync(at('d'))
    fs.symlinkSync('d', at('link'))
    const steps = await write([
      { path: 'd/f', content: '1' },
      { path: 'd/f', content: '2' },
      { path: 'd/g', content: '1' },
      { path: 'link/g', content: '2' },
      { path: 'd/h', content: '1' },
      { path: 'link/h', content: '1' },
    ])
    expect(resultsOf(steps)).toEqual(['changed', 'changed', 'changed', 'changed', 'changed', 'ok'])
    expect(['f', 'g', 'h'].map((name) => contentOf(`d/${name}`))).toEqual(['2', '2', '1'])
  })

  test('what fails among them has its own words, and the others are made', async () => {
    for (const name of ['d', 'd/folder']) fs.mkdirSync(at(name))
    fs.writeFileSync(at('d/file'), '')
    const steps = await write([
      { path: 'd/1', content: '1' },
      { path: 'd/folder', content: 'x' },
      { path: 'd/2', content: '2' },
      { path: 'd/file/f', content: 'x' },
      { path: 'd/3', content: '3' },
    ])
    expect(resultsOf(steps)).toEqual(['changed', 'failed', 'changed', 'failed', 'changed'])
    expect(steps[1]?.stderr).toBe(`"${at('d/folder')}" is a directory\n`)
    expect(steps[3]?.stderr).toContain(at('d/file'))
    expect(steps.map(({ stderr }) => stderr !== '')).toEqual([false, true, false, true, false])
    expect([1, 2, 3].map((name) => contentOf(`d/${name}`))).toEqual(['1', '2', '3'])
  })

  test('directories above each other, of other modes, and those that cannot be', async () => {
    fs.writeFileSync(at('file'), '')
    const steps = await make([
      { path: 'a/b', mode: '0700' },
      { path: 'a', mode: '0700' },
      { path: 'a/b/c', mode: '0711' },
      { path: 'file/d', mode: '0711' },
      { path: 'e', mode: '0711' },
      { path: 'e', mode: '0711' },
      { path: 'f/g' },
      { path: 'file' },
    ])
    const want = ['changed', 'changed', 'changed', 'failed', 'changed', 'ok', 'changed', 'failed']
    expect(resultsOf(steps)).toEqual(want)
    expect(['a', 'a/b', 'a/b/c', 'e', 'f', 'f/g'].map(modeOf)).toEqual([
      '700',
      '700',
      '711',
      '711',
      '755',
      '755',
    ])
    expect(steps.map(({ stderr }) => stderr !== '')).toEqual(want.map((result) => result === 'failed'))
  })

  test.runIf(isRoot)('without the right to', async () => {
    for (const [name, mode] of Object.entries({ '.': 0o755, mine: 0o755, theirs: 0o777 })) {
      if (name !== '.') fs.mkdirSync(at(name))
      fs.chmodSync(at(name), mode)
    }
    const as = '65534'
    const files = ['theirs/1', 'mine/1', 'theirs/2'].map((path) => ({ path, content: 'x' }))
    const written = await write(files, { as })
    expect(resultsOf(written)).toEqual(['changed', 'failed', 'changed'])
    expect(written[1]?.stderr).toContain(at('mine'))
    const owned = ['theirs/a', 'theirs/b'].map((path) => ({ path, owner: 'daemon' }))
    const made = await make(owned, { as })
    expect(resultsOf(made)).toEqual(['failed', 'failed'])
    expect(made.every(({ stderr }) => /chown/.test(stderr))).toBe(true)
    expect(resultsOf(await make([{ path: 'theirs/c' }, { path: 'mine/c' }], { as }))).toEqual([
      'changed',
      'failed',
    ])
  })

  testOfPath('a move that fails, and one in which all is ended, leave nothing half done', async () => {
    fs.mkdirSync(at('d'))
    const files = ['d/1', 'd/2'].map((path) => ({ path, content: 'x' }))
    const failing = withProgram('mv', 'echo no >&2; exit 1')
    const { steps, ended } = await run('file.has-content', files, {}, failing)
    expect([resultsOf(steps), ended]).toEqual([['failed', 'failed'], true])
    expect(steps.every(({ stderr }) => stderr.startsWith('no\n'))).toBe(true)
    fs.rmSync(at('bin'), { recursive: true })
    // As a signal to all of the group: to the shell, and to that of the directory.
    const ending = withProgram(
      'mv',
      'read -r _ _ _ shell _ </proc/$PPID/stat; kill -TERM $PPID $shell; exit 1',
    )
    expect(await run('file.has-content', files, {}, ending)).toMatchObject({ status: 143, steps: [] })
    expect(fs.readdirSync(at('d'))).toEqual([])
  })

  test('nothing is held back when it is only looked, shown, or ended by the first failure', async () => {
    fs.mkdirSync(at('folder'))
    const files = ['f', 'folder', 'g'].map((path) => ({ path, content: 'x\n' }))
    const looked = await write(files, { mode: { check: true, diff: true } })
    expect(looked.map(({ diff }) => /^\+x$/m.test(diff))).toEqual([true, false, true])
    expect(fs.readdirSync(at('.'))).toEqual(['folder'])
    expect(resultsOf(await write(files, { mode: { failFast: true } }))).toEqual(['changed', 'failed'])
    expect(fs.readdirSync(at('.'))).toEqual(['f', 'folder'])
  })
})
