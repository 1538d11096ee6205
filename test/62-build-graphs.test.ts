// Graphs of builds, their limits and their modes: what is built, how often, and what stays.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import {
  build,
  failure,
  setOptions,
  sha256,
  withBuildUsers,
  type Made,
  type Recipe,
} from './support/build.ts'
import { until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { fileNar, int, list, str } from './support/wire.ts'

const scratch = new Scratch('graphs')
const isRoot = process.getuid?.() === 0
const { daemon, client, derivations, logs } = await startBuildDaemon(scratch, 'main', {
  ...(isRoot ? withBuildUsers(scratch) : {}),
  env: { PLUMBLINE_TEST_IMPURE: 'from the daemon' },
})

const make = (what: string, recipe: Recipe | string) =>
  derivations.make(what, typeof recipe === 'string' ? { script: recipe } : recipe)
const contents = (path: string) => readFileSync(path, 'utf8')
const open = async (options: Parameters<typeof setOptions>[1] = {}) => {
  const other = await daemon.connect()
  onTestFinished(() => other.close())
  await setOptions(other, options)
  return other
}
const references = async (path: string) => {
  await client.call(5, str(path))
  return client.list()
}
const started = (log: string, { drv }: Made) => log.split(`@ build-started ${drv} `).length - 1

describe('graphs', () => {
  it('a chain of 200 is built from its end, each once', async () => {
    let last: Made | undefined
    const all: Made[] = []
    for (let number = 0; number < 200; number++) {
      const inputs: Made[] = last ? [last] : []
      const script = last ? `read n < ${last.out}; echo $((n + 1)) > $out` : 'echo 1 > $out'
      last = await make(`chain-${number}`, { script, inputs })
      all.push(last)
    }
    const other = await open()
    await build(other, last?.drv ?? '')
    expect(contents(last?.out ?? '')).toBe('200\n')
    expect(all.map((each) => started(other.log, each))).toEqual(all.map(() => 1))
  })

  it('a diamond builds its base once, two at a time', async () => {
    const base = await make('base', 'echo base > $out')
    const left = await make('left', { script: `read b < ${base.out}; echo left $b > $out`, inputs: [base] })
    const right = await make('right', {
      script: `read b < ${base.out}; echo right $b > $out`,
      inputs: [base],
    })
    const script = `read l < ${left.out}; read r < ${right.out}; echo "$l, $r; ${base.out}" > $out`
    const top = await make('top', { script, inputs: [left, right] })
    const other = await open({ settings: { 'build-max-jobs': '2' } })
    await build(other, [top.drv, left.drv])
    expect(contents(top.out)).toBe(`left base, right base; ${base.out}\n`)
    expect(started(other.log, base)).toBe(1)
    // Its inputs do not refer to base, so base cannot have been there for it to refer to.
    expect(await references(top.out)).toEqual([])
  })

  it('several outputs refer to each other, and one may be asked for', async () => {
    const two = await make('two', { script: 'echo a > $doc; echo $doc $out > $out', outputs: ['doc', 'out'] })
    const other = await open()
    await build(other, `${two.drv}!out`)
    expect(await references(two.out)).toEqual([two.outputs['doc'], two.out].sort())
    expect(await client.isValid(two.outputs['doc'] ?? '')).toBe(true)
    const circle = await make('circle', {
      script: 'echo $out > $doc; echo $doc > $out',
      outputs: ['doc', 'out'],
    })
    other.log = ''
    expect((await failure(build(other, circle.drv))).status).toBe(1)
    expect(other.log).toContain('cycle detected in the references of')
    expect(existsSync(circle.out)).toBe(false)
  })

  it('a fixed output is what it was said to be, flat or as a tree', async () => {
    const flat = await make('flat', {
      script: 'echo -n "$PLUMBLINE_TEST_IMPURE" > $out',
      env: { impureEnvVars: 'PLUMBLINE_TEST_IMPURE' },
      fixed: { algorithm: 'sha256', hash: sha256('from the daemon') },
    })
    const other = await open()
    await build(other, flat.drv)
    expect(contents(flat.out)).toBe('from the daemon')
    // Known by its contents, it is the same item as the file added by hand.
    await other.call(7, str('flat'), int(1), int(0), str('sha256'), fileNar('from the daemon'))
    expect(await other.str()).toBe(flat.out)
    const executable = await make('executable', {
      script: 'echo -n x > $out; $tool chmod 755 $out',
      fixed: { algorithm: 'sha256', hash: sha256('x') },
    })
    other.log = ''
    expect((await failure(build(other, executable.drv))).status).toBe(1)
    expect(other.log).toContain(`output path \`${executable.out} should be a non-executable regular file`)
  })

  it('keeps to what may be referred to', async () => {
    const bash = await derivations.bash()
    const rules = {
      allowedReferences: '',
      disallowedReferences: bash,
      allowedRequisites: 'out',
      disallowedRequisites: bash,
    }
    for (const [rule, words] of Object.entries(rules)) {
      const made = await make(rule, { script: `echo ${bash} > $out`, env: { [rule]: words } })
      client.log = ''
      expect((await failure(build(client, made.drv))).status).toBe(1)
      expect(client.log).toContain(`output (\`${made.out}') is not allowed to refer to path \`${bash}'`)
    }
    const made = await make('allowed', {
      script: `echo ${bash} $out > $out`,
      env: { allowedReferences: `out ${bash}` },
    })
    await build(client, made.drv)
    expect(await references(made.out)).toEqual([bash, made.out].sort())
  })

  it('writes out the graph that a builder asks for', async () => {
    const base = await make('graph-base', 'echo base > $out')
    const top = await make('graph-top', { script: `echo ${base.out} > $out`, inputs: [base] })
    const graph = await make('graph', {
      script: 'while IFS= read -r l; do echo "$l"; done < graph > $out',
      inputs: [top],
      env: { exportReferencesGraph: `graph ${top.out}` },
    })
    await build(client, graph.drv)
    const items = [
      [base.out, '', '0'],
      [top.out, '', '1', base.out],
    ].sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    expect(contents(graph.out)).toBe(`${items.flat().join('\n')}\n`)
  })

  it('goes on without what failed, if asked to, and says what failed', async () => {
    const bad = await make('bad', 'exit 1')
    const needy = await make('needy', { script: 'echo x > $out', inputs: [bad] })
    const good = await make('zz-good', 'echo good > $out')
    const other = await open()
    expect(await failure(build(other, [needy.drv, good.drv]))).toEqual({
      message: `build of \`${needy.drv}' failed`,
      status: 100,
    })
    expect(other.log).toContain(`cannot build derivation \`${needy.drv}': 1 dependencies couldn't be built`)
    const going = await open({ keepGoing: true })
    await failure(build(going, [needy.drv, good.drv]))
    expect(contents(good.out)).toBe('good\n')
    const missing = `${daemon.store}/${'0'.repeat(32)}-missing.drv`
    expect((await failure(build(going, missing))).message).toBe(`build of \`${missing}' failed`)
    // A path that is no derivation, and that nobody has: as guix-daemon, no failure.
    await build(going, `${daemon.store}/${'0'.repeat(32)}-missing`)
  })
})

describe('limits', () => {
  it('a build that is silent, or slow, or prints too much, is ended', async () => {
    const silent = await open({ settings: { 'build-max-silent-time': '1' } })
    const sleeper = await make('sleeper', 'echo first; $tool sleep')
    expect((await failure(build(silent, sleeper.drv))).status).toBe(101)
    expect(silent.log).toContain(`building of \`${sleeper.drv}' timed out after 1 seconds of silence`)
    expect(silent.log).toContain(`@ build-failed ${sleeper.drv} - timeout`)
    const slow = await open({ settings: { 'build-timeout': '1' } })
    const chatter = await make(
      'chatter',
      'while :; do echo on and on; read -t 0.1 < $HOME || :; done 2> /dev/null',
    )
    expect((await failure(build(slow, chatter.drv))).status).toBe(101)
    expect(slow.log).toContain(`timed out after 1 seconds`)
    const short = await open({ settings: { 'build-max-log-size': '100000' } })
    const printer = await make('printer', '$tool print 10000000; $tool sleep')
    expect((await failure(build(short, printer.drv))).status).toBe(101)
    expect(short.log).toContain('killed after writing more than 100000 bytes of log output')
  })

  it('100 MB of output arrive unharmed, at the client and in the log', async () => {
    const bytes = 100_000_000
    const made = await make('loud', `$tool print ${bytes}; echo end > $out`)
    const other = await open({ trace: false })
    const counted = countBytes()
    other.onNext = counted
    await build(other, made.drv)
    expect(counted.total()).toBe(bytes)
    const name = made.drv.slice(daemon.store.length + 1)
    const log = gunzipSync(readFileSync(`${logs}/drvs/${name.slice(0, 2)}/${name.slice(2)}.gz`))
    expect(log.length).toBe(bytes)
    expect(counted.hash()).toBe(createHash('sha256').update(log).digest('hex'))
  })

  it.runIf(isRoot)('a full disk fails the build and nothing else', async () => {
    const folder = scratch.file('small-items')
    mkdirSync(folder)
    const small = await startBuildDaemon(scratch, 'small', {
      store: folder,
      prefix: [
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o size=24m none ${folder} && exec "$@"`,
        'sh',
      ],
    })
    const other = small.client
    await setOptions(other)
    const full = await small.derivations.make('full', { script: '$tool print 100000000 > $out' })
    expect((await failure(build(other, full.drv))).status).toBe(1)
    expect(other.log).toContain('note: build failure may have been caused by lack of free disk space')
    const after = await small.derivations.make('after', { script: 'echo there is room > $out' })
    await build(other, after.drv)
    expect(await other.verify(true)).toBe(false)
    other.close()
    await small.daemon.stop()
  })
})

describe('modes', () => {
  const nondeterministic = { script: 'echo $RANDOM $RANDOM $RANDOM > $out' }

  it('a check of one output says nothing of another that is not there', async () => {
    const made = await derivations.make('partly', {
      script: 'echo out > $out; echo doc > $doc',
      outputs: ['out', 'doc'],
    })
    const builder = await daemon.connect()
    await setOptions(builder)
    await build(builder, made.drv)
    builder.close()
    const other = await daemon.connect()
    await setOptions(other)
    const doc = made.outputs['doc'] ?? ''
    await other.collect(3, [doc])
    await build(other, `${made.drv}!out`, 'check')
    expect([await other.isValid(made.out), await other.isValid(doc), existsSync(doc)]).toEqual([
      true,
      false,
      false,
    ])
    other.close()
  })

  it('a check finds what differs, and keeps both', async () => {
    const other = await open({ keepFailed: true })
    const same = await make('same', 'echo same > $out')
    await build(other, same.drv)
    other.log = ''
    await build(other, same.drv, 'check')
    expect(other.log.split(`@ build-succeeded ${same.drv} -`).length - 1).toBe(2)
    const made = await make('nondet', nondeterministic)
    expect((await failure(build(other, made.drv, 'check'))).message).toBe(
      `some outputs of \`${made.drv}' are not valid, so checking is not possible`,
    )
    await build(other, made.drv)
    const before = contents(made.out)
    const words = `derivation \`${made.drv}' may not be deterministic: output \`${made.out}' differs`
    expect(await failure(build(other, made.drv, 'check'))).toEqual({
      message: `${words} from ‘${made.out}-check’`,
      status: 1,
    })
    expect(contents(made.out)).toBe(before)
    expect(contents(`${made.out}-check`)).not.toBe(before)
    const silent = await open()
    expect((await failure(build(silent, made.drv, 'check'))).message).toBe(words)
  })

  it('rounds compare, and register what was the same each time', async () => {
    const other = await open({ settings: { 'build-repeat': '2' } })
    const made = await make('rounds-differ', nondeterministic)
    expect((await failure(build(other, made.drv))).status).toBe(1)
    expect(other.log).toContain(`output ‘${made.out}’ of ‘${made.drv}’ differs from previous round`)
    expect(existsSync(made.out)).toBe(false)
    const same = await make('rounds-same', 'echo same > $out')
    await build(other, same.drv)
    expect(started(other.log, same)).toBe(3)
    expect(contents(same.out)).toBe('same\n')
  })

  it.runIf(isRoot)('a repair mends an item that others refer to, in one step', async () => {
    const base = await make('mend-base', '$tool mkdir $out; echo base > $out/file')
    const top = await make('mend-top', { script: `echo ${base.out} > $out`, inputs: [base] })
    const other = await open()
    await build(other, top.drv)
    const corrupt = () => {
      chmodSync(`${base.out}/file`, 0o644)
      writeFileSync(`${base.out}/file`, 'broken')
    }
    corrupt()
    const repairing = await open()
    await build(repairing, base.drv, 'repair')
    expect(contents(`${base.out}/file`)).toBe('base\n')
    expect(repairing.log).toContain(`path \`${base.out}' is corrupted or missing!`)
    // Through what refers to it: its own output is good, and what that needs is mended.
    corrupt()
    await build(await open(), top.drv, 'repair')
    expect(contents(`${base.out}/file`)).toBe('base\n')
    corrupt()
    expect(await other.verify(true, true)).toBe(false)
    expect(contents(`${base.out}/file`)).toBe('base\n')
    expect(lstatSync(`${base.out}/file`).mode & 0o7777).toBe(0o444)
  })

  it('a failed build is kept for a look, if asked to', async () => {
    const other = await open({ keepFailed: true })
    const made = await make('kept', 'echo left > file; echo half > $out; exit 1')
    await failure(build(other, made.drv))
    const [, folder = ''] = /note: keeping build directory `(.*)'/.exec(other.log) ?? []
    onTestFinished(() => rmSync(folder, { recursive: true }))
    expect(contents(`${folder}/file`)).toBe('left\n')
    expect(contents(made.out)).toBe('half\n')
    expect(await client.isValid(made.out)).toBe(false)
    // And does not stand in the way of the next.
    await failure(build(client, made.drv))
    expect(existsSync(made.out)).toBe(false)
  })

  it('a failure is remembered, if asked to, until it is cleared', async () => {
    const other = await open({ settings: { 'build-cache-failure': 'true' } })
    const made = await make('cached', 'exit 1')
    expect((await failure(build(other, made.drv))).status).toBe(100)
    other.log = ''
    expect((await failure(build(other, made.drv))).status).toBe(100)
    expect(started(other.log, made)).toBe(0)
    expect(other.log).toContain(`@ build-failed ${made.drv} - cached`)
    await other.call(24)
    expect(await other.list()).toContain(made.out)
    await other.call(25, list([made.drv]))
    await other.int()
    other.log = ''
    await failure(build(other, made.drv))
    expect(started(other.log, made)).toBe(1)
  })
})

describe('clients', () => {
  // A builder that goes on when the test says so, by a file in its directory.
  const wait = 'while [ ! -e go ]; do read -t 0.05 line <> <(:) || :; done'
  const letGo = (name: string) => {
    for (const folder of readdirSync('/tmp').filter((each) => each.startsWith(`guix-build-${name}.drv-`))) {
      writeFileSync(`/tmp/${folder}/top/go`, '')
    }
  }

  it('that want the same share one build, and see all of its log', async () => {
    const shared = `shared-${process.pid}`
    const made = await make(shared, `echo first; ${wait}; echo last; echo x > $out`)
    const [one, two] = [await open(), await open()]
    const first = build(one, made.drv)
    await until('the first sees it print', () => one.log.includes('first\n'))
    const second = build(two, made.drv)
    await until('the second sees what was before', () => two.log.includes('first\n'))
    letGo(shared)
    await Promise.all([first, second])
    for (const each of [one, two]) {
      expect(each.log).toContain('first\nlast\n')
      expect(each.log).toContain(`@ build-succeeded ${made.drv} -`)
    }
    const pid = (log: string) => /build-started .* (\d+)\n/.exec(log)?.[1]
    expect(pid(two.log)).toBe(pid(one.log))
  })

  it('that leave take only what nobody else wants', async () => {
    const left = `left-${process.pid}`
    const made = await make(left, `echo first; ${wait}; echo x > $out`)
    const [one, two] = [await open(), await open()]
    const first = build(one, made.drv)
    first.catch(() => undefined)
    await until('it runs', () => one.log.includes('first\n'))
    const second = build(two, made.drv)
    await until('both see it', () => two.log.includes('first\n'))
    one.close()
    letGo(left)
    await second
    expect(contents(made.out)).toBe('x\n')
    const alone = await make('alone', 'echo first; $tool sleep')
    const three = await open()
    build(three, alone.drv).catch(() => undefined)
    await until('it runs', () => three.log.includes('first\n'))
    three.close()
    await until('nothing is left of it', () => !existsSync(`${alone.drv}.chroot`))
    // The build user is free again: both can be had.
    const pair = await open({ settings: { 'build-max-jobs': '2' } })
    const [a, b] = [await make('pair-a', 'echo a > $out'), await make('pair-b', 'echo b > $out')]
    await build(pair, [a.drv, b.drv])
    expect(readdirSync(daemon.store).filter((name) => name.endsWith('.chroot'))).toEqual([])
  })
})

function countBytes() {
  const hash = createHash('sha256')
  let total = 0
  const count = (bytes: Buffer) => {
    hash.update(bytes)
    total += bytes.length
  }
  return Object.assign(count, { total: () => total, hash: () => hash.digest('hex') })
}
