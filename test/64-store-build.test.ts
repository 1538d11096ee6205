// store-cli's builds, logs and graphs, as a user runs them.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { basename, dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions, withBuildUsers } from './support/build.ts'
import { until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell, type TestRecord } from './support/shell.ts'
import { storeCli } from './support/store.ts'
import { int, str, tags } from './support/wire.ts'

const scratch = new Scratch('store-build')
const isRoot = process.getuid?.() === 0
const { daemon, client, derivations, logs } = await startBuildDaemon(
  scratch,
  'main',
  isRoot ? withBuildUsers(scratch) : {},
)

const cli = async (args: string, input?: string) => {
  const env = { GUIX_DAEMON_SOCKET: daemon.socket, GUIX_LOG_DIRECTORY: logs }
  const result = await shell(`store-cli ${args}`, { env, ...(input !== undefined && { input }) })
  return { ...result, records: result.stdout.startsWith('{') ? recordsOf(result.stdout) : [] }
}
/** The socket of a daemon that knows none of our calls: it greets, and refuses. */
async function startOlderDaemon(name: string): Promise<string> {
  const steps: [number, Buffer][] = [
    [8, Buffer.concat([int(0x6478696f), int(0x163)])],
    [32, int(tags.last)],
    [40, Buffer.concat([int(tags.error), str('invalid operation 1024'), int(1)])],
  ]
  const server = createServer((socket) => {
    let [length, step] = [0, 0]
    socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        length += bytes.length
        for (let next = steps[step]; next && length >= next[0]; next = steps[++step]) socket.write(next[1])
      })
  }).listen(scratch.file(name))
  await once(server, 'listening')
  scratch.onEnd(() => void server.close())
  return scratch.file(name)
}

const summary = (records: readonly TestRecord[]) =>
  records.map(({ type, state, path, text, output }) =>
    [type, state ?? text ?? output, path].filter((each) => each !== undefined),
  )

describe('build', () => {
  it('plans, builds, and tells of each step', async () => {
    const base = await derivations.make('base', {
      script: 'echo one; printf "two\\nthree"; echo base > $out',
    })
    const top = await derivations.make('top', {
      script: `read b < ${base.out}; echo $b > $out`,
      inputs: [base],
    })
    const planned = [
      ['build', 'planned', base.drv],
      ['build', 'planned', top.drv],
    ]
    const dry = await cli(`build --dry-run ${top.drv}`)
    expect(summary(dry.records)).toEqual([...planned, ['end']])
    expect(await client.isValid(base.out)).toBe(false)
    const built = await cli(`build ${top.drv}`)
    expect(summary(built.records)).toEqual([
      ...planned,
      ['build', 'started', base.drv],
      ['log', 'one', base.drv],
      ['log', 'two', base.drv],
      ['log', 'three', base.drv],
      ['build', 'succeeded', base.drv],
      ['build', 'started', top.drv],
      ['build', 'succeeded', top.drv],
      ['path', 'out', top.out],
      ['end'],
    ])
    expect(built.records.at(-1)).toMatchObject({ ok: true, counts: { planned: 2, built: 2, failed: 0 } })
    expect(built.status).toBe(0)
    // Again: there is nothing to do.
    expect(summary((await cli(`build ${top.drv}`)).records)).toEqual([['path', 'out', top.out], ['end']])
  })

  it('gives the lines of a log in their order, however they are cut, to a reader that is slow', async () => {
    const made = await derivations.make('lines', {
      script: 'for i in {1..5000}; do echo $i; printf .; done; echo > $out',
    })
    const { records } = await cli(`build ${made.drv} | (read -r first; echo "$first"; exec cat)`)
    const texts = records.filter(({ type }) => type === 'log').map(({ text }) => text)
    expect(texts).toEqual(['1', ...Array.from({ length: 4999 }, (_, i) => `.${i + 2}`), '.'])
  })

  it('says what failed, and why, and exits with 1', async () => {
    const bad = await derivations.make('bad', { script: 'echo going wrong; exit 7' })
    const failed = await cli(`build ${bad.drv} --keep-going`)
    expect(failed.status).toBe(1)
    expect(failed.records.find(({ state }) => state === 'failed')).toMatchObject({
      type: 'build',
      path: bad.drv,
      reason: `builder for \`${bad.drv}' failed with exit code 7`,
    })
    expect(failed.records.at(-2)).toMatchObject({ type: 'error', message: `build of \`${bad.drv}' failed` })
    expect(failed.records.at(-1)).toMatchObject({ type: 'end', ok: false, counts: { failed: 1 } })
  })

  it('checks, and builds in rounds', async () => {
    const made = await derivations.make('nondet', { script: 'echo $RANDOM$RANDOM > $out' })
    await build(client, made.drv)
    const checked = await cli(`build --check ${made.drv}`)
    expect(checked.status).toBe(1)
    expect(checked.records.at(-2)?.['message']).toContain(`differs from ‘${made.out}-check’`)
    const other = await derivations.make('rounds', { script: 'echo $RANDOM$RANDOM > $out' })
    expect((await cli(`build --rounds 2 ${other.drv}`)).status).toBe(1)
    expect((await cli('build --rounds none x')).status).toBe(64)
    expect((await cli('build --check --repair x')).status).toBe(64)
  })

  it('builds what `store-cli derivation` makes', async () => {
    const bash = await derivations.bash()
    const record = {
      type: 'derivation',
      name: 'by-record',
      store: daemon.store,
      system: 'x86_64-linux',
      builder: bash,
      args: ['-ec', 'echo a > $out; echo b > $doc'],
      input_sources: [bash],
      outputs: { out: {}, doc: {} },
    }
    const result = await cli('derivation --make | store-cli build', `${JSON.stringify(record)}\n`)
    const paths = result.records.filter(({ type }) => type === 'path')
    expect(paths.map(({ output }) => output).sort()).toEqual(['doc', 'out'])
    const out = paths.find(({ output }) => output === 'out')?.['path'] as string
    expect(readFileSync(out, 'utf8')).toBe('a\n')
  })

  it('shows a person what runs, and the end of what failed', async () => {
    const bad = await derivations.make('worse', { script: 'echo a clue; exit 1' })
    const run = `stty cols 100; store-cli build ${bad.drv}`
    const { stdout } = await shell(`script -qec '${run}' /dev/null`, {
      env: { GUIX_DAEMON_SOCKET: daemon.socket, TERM: 'xterm' },
    })
    expect(stdout).toContain(`to build     ${bad.drv}`)
    expect(stdout).toContain(`failed       ${bad.drv}: builder for`)
    expect(stdout).toContain('store-cli:   a clue')
    expect(stdout).not.toContain('{"type"')
  })
})

describe('log', () => {
  it('is what was printed, byte for byte, of a derivation or of what it made', async () => {
    const made = await derivations.make('bytes', {
      script: "printf 'caf\\xe9\\n\\x00\\x1b[31m'; echo x > $out",
    })
    await build(client, made.drv)
    const expected = Buffer.from('caf\xe9\n\0\x1b[31m', 'latin1')
    expect((await cli(`log ${made.drv}`)).bytes).toEqual(expected)
    expect((await cli(`log ${made.out}`)).bytes).toEqual(expected)
    const none = await cli(`log ${await derivations.bash()}`)
    expect(none.status).toBe(1)
    expect(none.records[0]).toMatchObject({ type: 'error' })
  })

  it.each([
    ['', 'no log', 'is a directory'],
    ['.gz', 'no log at all, but some words', 'it is damaged: incorrect header check'],
    ['.bz2', 'BZh9', 'it is compressed with bzip2'],
  ])('that cannot be read is told with its name (%s)', async (ending, contents, reason) => {
    const made = await derivations.make(`unreadable${ending}`, { script: 'echo x > $out' })
    const base = basename(made.drv)
    const file = `${logs}/drvs/${base.slice(0, 2)}/${base.slice(2)}${ending}`
    mkdirSync(ending === '' ? file : dirname(file), { recursive: true })
    if (ending !== '') writeFileSync(file, contents)
    const older = await startOlderDaemon(`older${ending}`)
    for (const socket of [daemon.socket, older]) {
      const { status, records, stderr } = await cli(`log ${made.drv} --socket ${socket}`)
      expect([status, records[0]?.type]).toEqual([1, 'error'])
      expect(stderr).toContain(`Cannot read "${file}": ${reason}`)
    }
  })

  it('of a running build can be followed, without keeping it alive', async () => {
    const made = await derivations.make('running', { script: 'echo first; $tool sleep' })
    const other = await daemon.connect()
    await setOptions(other)
    build(other, made.drv).catch(() => undefined)
    await until('it runs', () => other.log.includes('first\n'))
    expect((await cli(`log ${made.drv}`)).stdout).toBe('first\n')
    const follower = spawn(process.execPath, [
      storeCli,
      'log',
      '--follow',
      made.drv,
      '--socket',
      daemon.socket,
    ])
    let seen = ''
    follower.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    const exit = new Promise<number | null>((resolve) => follower.on('exit', resolve))
    await until('it is followed', () => seen === 'first\n')
    other.close()
    expect(await exit).toBe(0)
  })
})

describe('graph', () => {
  it('is nodes and edges, DOT, or SVG', async () => {
    const base = await client.addText('graph-base', 'base')
    const top = await client.addText('graph-top', 'top', [base])
    const { records } = await cli(`graph ${top}`)
    expect(records).toEqual([
      { type: 'node', path: base },
      { type: 'node', path: top },
      { type: 'edge', path: top, reference: base },
    ])
    const dot = (await cli(`graph --dot ${top}`)).stdout
    const name = (path: string) => path.slice(daemon.store.length + 1)
    expect(dot).toContain(`"${name(top)}" -> "${name(base)}";`)
    const svg = (await cli(`graph --svg ${top}`)).stdout
    expect(svg.match(/<rect /g)).toHaveLength(2)
    expect(svg.match(/<path /g)).toHaveLength(1)
    // XML that a parser takes.
    const file = scratch.file('graph.svg')
    writeFileSync(file, svg)
    expect(
      (await shell(`python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' ${file}`)).status,
    ).toBe(0)
  })
})
