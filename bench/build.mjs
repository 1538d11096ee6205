// Measures builds, one record a figure: 200 trivial ones in one call, beside the sandbox program alone in a shell loop,
// beside Debian's Nix; the throughput of a log; memory while building. As root.
//   node bench/build.mjs [NAME…]
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { median } from './measure.mjs'
import { chosen, environment, report, root, round, scratch, seconds } from './setup.mjs'

const count = Number(process.env.BENCH_BUILDS ?? 200)
// Build users have to get at what is in it.
chmodSync(scratch, 0o711)
const program = join(root, 'packages/store-daemon/dist/sandbox')
const boundsProgram = join(root, '.cache/build-bounds')
mkdirSync(join(root, '.cache'), { recursive: true })
execFileSync('cc', ['-O2', '-static', '-o', boundsProgram, join(root, 'bench/build-bounds.c')])

// The tests' own derivations and client.
const support = join(root, '.cache/bench-support.mjs')
const source = `export * from './test/support/build.ts'; export * from './test/support/wire.ts'`
buildSync({
  stdin: { contents: source, resolveDir: root },
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: support,
  // The tool's source is looked for from there.
  define: { 'import.meta.dirname': JSON.stringify(join(root, 'test/support')) },
})
const { Derivations, setOptions, build, WireClient, withBuildUsers, buildTool, buildUsers } = await import(
  pathToFileURL(support)
)

const running = new Set()

async function startDaemon(name, { prefix = [], args = [] } = {}) {
  const place = join(scratch, name)
  mkdirSync(place)
  const socket = join(place, 'socket')
  const daemon = join(root, 'packages/store-daemon/bin/store-daemon.cjs')
  const state = join(place, 'state')
  const line = [...prefix, process.execPath, daemon, '--store', join(place, 'store'), '--state', state]
  const env = { ...environment, GUIX_LOG_DIRECTORY: join(place, 'log') }
  const [command, ...rest] = [...line, '--listen', socket, ...args]
  const child = spawn(command, rest, { env, stdio: 'inherit' })
  running.add(child)
  child.on('exit', () => running.delete(child))
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20))
  const client = await WireClient.open(socket)
  return { child, client, derivations: new Derivations(client, join(place, 'store')) }
}

async function stopDaemon({ child, client }) {
  client.close()
  child.kill()
  await once(child, 'exit')
}

let number = 0
/** Builds a second. */
async function rate(daemon, jobs, { log = 0 } = {}) {
  const drvs = []
  for (let index = 0; index < count; index++) {
    const script = `${log > 0 ? `$tool print ${log};` : ''} echo ${number++} > $out`
    drvs.push((await daemon.derivations.make(`trivial-${number}`, { script })).drv)
  }
  await setOptions(daemon.client, { settings: { 'build-max-jobs': String(jobs) } })
  const from = performance.now()
  await build(daemon.client, drvs)
  return count / seconds(from)
}

/** What the daemon asks of the sandbox program for such a build, in a directory of its own each. */
function makeRequest(index) {
  const [[uid], gid] = [buildUsers.uids, buildUsers.gid]
  const place = join(scratch, 'loop', String(index))
  mkdirSync(join(place, 'top'), { recursive: true })
  const chroot = join(place, 'chroot')
  const bash = join(scratch, 'loop/bash')
  const fields = [
    'Nmpiun',
    `R${place}`,
    'Ic/proc\n',
    'Id755 /etc',
    'If/etc/hosts\n127.0.0.1 localhost\n',
    'Id755 /dev',
    ...['full', 'kvm', 'null', 'random', 'tty', 'urandom', 'zero'].map(
      (name) => `Io/dev/${name}\n/dev/${name}`,
    ),
    'Il/dev/fd\n/proc/self/fd',
    'It/dev/shm\nmode=1777',
    'Ip/dev/pts\nnewinstance,mode=0620,ptmxmode=0666',
    'Il/dev/ptmx\n/dev/pts/ptmx',
    `B${bash}`,
    'Abash',
    'A-ec',
    'Aecho x > $out',
    `Eout=${join(scratch, 'store')}/out`,
    'EPATH=/path-not-set',
    'D/tmp/build',
    `U${uid}:${gid}`,
    'Pr',
    `Oc750 -1 ${gid} ${chroot}`,
    `Od1775 -1 ${gid} ${chroot}/store`,
    `Od1777 -1 -1 ${chroot}/tmp`,
    `Sw/tmp\n${chroot}/tmp`,
    `Sf/etc/passwd\nnixbld:x:${uid}:${gid}:Nix build user:/:/noshell\n`,
    `Sf/etc/group\nnixbld:!:${gid}:\n`,
    `Sd755 ${scratch}`,
    `Sd755 ${scratch}/loop`,
    `Sw${scratch}/store\n${chroot}/store`,
    `Sb${bash}\n${bash}`,
    `Sw/tmp/build\n${place}/top`,
  ]
  writeFileSync(join(place, 'request'), `${fields.join('\0')}\0`)
}

function loopRate() {
  rmSync(join(scratch, 'loop'), { recursive: true, force: true })
  mkdirSync(join(scratch, 'loop'))
  copyFileSync('/bin/bash-static', join(scratch, 'loop/bash'))
  for (let index = 0; index < count; index++) makeRequest(index)
  const script = `cd ${scratch}/loop && i=0 && while [ $i -lt ${count} ]; do ${program} --once < $i/request || exit 1; i=$((i+1)); done`
  const from = performance.now()
  execFileSync('/bin/sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] })
  return count / seconds(from)
}

/** What a trivial build cannot do without, in milliseconds. */
function measureBounds() {
  const folder = join(scratch, 'bounds')
  mkdirSync(folder, { recursive: true })
  const shell = ['/bin/bash-static', '-ec', ':']
  const out = execFileSync(boundsProgram, [folder, ...shell], { encoding: 'utf8' })
  const [namespaces, start, directories] = out.split(' ').map(Number)
  return { namespaces, start, directories }
}

/** The same in Nix, through its own store and daemon's code; null where there is none. */
function nixRate(sandbox, jobs) {
  const place = join(scratch, `nix-${number++}`)
  mkdirSync(place)
  copyFileSync('/bin/bash-static', join(place, 'bash'))
  const expression = `builtins.genList (n: derivation { name = "trivial-\${toString n}"; system = builtins.currentSystem; builder = ./bash; args = [ "-ec" "echo \${toString n} > $out" ]; }) ${count}`
  writeFileSync(join(place, 'default.nix'), expression)
  const env = { ...environment, NIX_REMOTE: '', HOME: place }
  const store = ['--store', join(place, 'root')]
  const made = spawnSync(
    'nix-instantiate',
    [...store, '--option', 'build-users-group', '', join(place, 'default.nix')],
    { env, encoding: 'utf8' },
  )
  if (made.status !== 0) return null
  const drvs = made.stdout.trim().split('\n')
  const from = performance.now()
  const options = [
    '--option',
    'build-users-group',
    '',
    '--option',
    'sandbox',
    String(sandbox),
    '--option',
    'substitute',
    'false',
  ]
  const { status } = spawnSync('nix-store', [...store, ...options, '-j', String(jobs), '-r', ...drvs], {
    env,
    stdio: 'ignore',
  })
  return status === 0 ? count / seconds(from) : null
}

const best = async (rounds, run) => {
  const found = []
  for (let round = 0; round < rounds; round++) found.push(await run())
  return found.includes(null) ? null : Math.max(...found)
}
const rounded = (value) => (value === null ? null : round(value))

const etc = { file: (name) => join(scratch, name) }
const measures = {
  async sandbox() {
    const daemon = await startDaemon('sandbox', withBuildUsers(etc))
    await rate(daemon, 1)
    // In turn, so that a machine that gets slower does so for all.
    const own = { one: [], two: [], loop: [], ratio: [], bounds: [], toBounds: [] }
    for (let round = 0; round < 3; round++) {
      own.bounds.push(measureBounds())
      own.loop.push(loopRate())
      own.one.push(await rate(daemon, 1))
      own.two.push(await rate(daemon, 2))
      own.ratio.push(own.loop.at(-1) / own.one.at(-1))
      const { namespaces, start } = own.bounds.at(-1)
      own.toBounds.push(1000 / own.one.at(-1) / (namespaces + start))
    }
    const most = (list) => Math.max(...list)
    const bound = (name) => round(median(own.bounds.map((bounds) => bounds[name])))
    const beside = { nix: rounded(await best(2, () => nixRate(true, 1))), guix_daemon: 75 }
    report('trivial builds, sandbox', most(own.one), 'builds/s', 150, beside)
    report('trivial builds, sandbox, two at a time', most(own.two), 'builds/s', 200, {
      nix: rounded(await best(2, () => nixRate(true, 2))),
    })
    report('a build beside its namespaces and its shell alone', median(own.toBounds), 'ratio', undefined, {
      namespaces_ms: bound('namespaces'),
      shell_ms: bound('start'),
      directories_ms: bound('directories'),
    })
    report('sandbox program in a shell loop', most(own.loop), 'builds/s')
    report('shell loop to daemon', median(own.ratio), 'ratio', 1.5)
    await stopDaemon(daemon)
  },
  async plain() {
    const users = withBuildUsers(etc)
    const daemon = await startDaemon('plain', { ...users, args: [...users.args, '--disable-chroot'] })
    await rate(daemon, 1)
    const own = await best(3, () => rate(daemon, 1))
    report('trivial builds, no sandbox', own, 'builds/s', 150, {
      nix: rounded(await best(2, () => nixRate(false, 1))),
      guix_daemon: 110,
    })
    await stopDaemon(daemon)
  },
  async log() {
    const daemon = await startDaemon('log', withBuildUsers(etc))
    const bytes = 200_000_000
    const made = await daemon.derivations.make('loud', { script: `$tool print ${bytes}; echo x > $out` })
    daemon.client.onNext = () => undefined
    const from = performance.now()
    await build(daemon.client, made.drv)
    const took = seconds(from)
    buildTool()
    const start = performance.now()
    execFileSync('/bin/sh', [
      '-c',
      `${root}/.cache/build-tool print ${bytes} | tee ${scratch}/copy | gzip > ${scratch}/gz`,
    ])
    report('log throughput', bytes / took / 1e6, 'MB/s', undefined, {
      tee_and_gzip: rounded(bytes / seconds(start) / 1e6),
    })
    await stopDaemon(daemon)
  },
  async memory() {
    const daemon = await startDaemon('memory')
    const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
    let most = 0
    const timer = setInterval(() => (most = Math.max(most, rss(daemon.child.pid))), 20)
    for (let round = 0; round < 3; round++) await rate(daemon, 2)
    clearInterval(timer)
    const [sandbox] = readFileSync(
      `/proc/${daemon.child.pid}/task/${daemon.child.pid}/children`,
      'utf8',
    ).split(' ')
    report('memory while building', most, 'MB', 120, { sandbox_program: rounded(rss(sandbox)) })
    await stopDaemon(daemon)
  },
}

try {
  for (const [name, measure] of Object.entries(measures)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure()
  }
} finally {
  for (const child of running) child.kill()
  rmSync(scratch, { recursive: true, force: true })
}
