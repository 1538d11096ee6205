// daemonize beside start-stop-daemon, s6, runit, supervisor, pm2 and plain node, in one run, interleaved, with the
// same service: a server of node:http (for daemonize also as a site, in its own server, which then is the service and is
// started alone too). Prints one record per tool and row: medians in ms, memory in KiB (PSS of all that stays beside the
// service), the start as a ratio to plain node's and to that of the service itself. Programs that are missing are said
// to be. pm2: PM2=/path/to/pm2 (npm install pm2).
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

const rounds = Number(process.argv[2] ?? 11)
const folder = mkdtempSync(`${tmpdir()}/daemonize-bench-`)
const daemonize = fileURLToPath(new URL('../packages/daemonize/bin/daemonize.cjs', import.meta.url))
const env = { PATH: process.env.PATH, HOME: folder, PM2_HOME: `${folder}/pm2` }
const node = process.execPath
let nextPort = 30_000 + (process.pid % 200) * 10

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const now = () => performance.now()

/** The server's process number, or undefined: it answers with it. */
const ask = (port) =>
  new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
    socket.on('data', (bytes) => (text += bytes)).on('error', () => resolve(undefined))
    socket.on('close', () => resolve(Number(/\r\n\r\n(\d+)$/.exec(text)?.[1]) || undefined))
  })

async function answered(port, other) {
  for (const end = now() + 20_000; now() < end; await pause(1)) {
    const pid = await ask(port)
    if (pid !== undefined && pid !== other) return pid
  }
  throw new Error(`nothing answers at ${port}`)
}

async function silent(port) {
  for (const end = now() + 20_000; now() < end; await pause(1)) if ((await ask(port)) === undefined) return
  throw new Error(`something still answers at ${port}`)
}

const run = (command, ...args) =>
  new Promise((resolve) => {
    spawn(command, args, { env, stdio: 'ignore' })
      .on('error', () => resolve(127))
      .on('close', resolve)
  })

function makeServer(port) {
  const path = `${folder}/server-${port}.js`
  writeFileSync(
    path,
    `require('http').createServer((q, s) => s.end(String(process.pid))).listen(${port}, '127.0.0.1')`,
  )
  return path
}

function pss(pids) {
  return pids.reduce((sum, pid) => {
    try {
      return sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      return sum
    }
  }, 0)
}

const parentOf = (pid) => Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')[1])

function tool(name, make) {
  const port = nextPort++
  const server = makeServer(port)
  return { name, port, server, ...make({ port, server, home: `${folder}/${name.replaceAll(' ', '-')}` }) }
}

const writeSite = (home) =>
  writeFileSync(`${home}/site.js`, 'module.exports = (q, s) => s.end(String(process.pid))')

const ours = (name, kind, more) =>
  tool(name, ({ port, server, home }) => {
    mkdirSync(home)
    const conf = `${home}/conf.json`
    writeSite(home)
    const config = {
      name: 'bench',
      ...(kind === 'sites'
        ? { sites: [['./site.js', null, port]] }
        : { command: [node, server], ready: { port } }),
      pidfile: `${home}/s.pid`,
      cachedir: home,
      log: `${home}/log`,
    }
    writeFileSync(conf, JSON.stringify({ ...config, restart_reset: 0, ...more }))
    const act = (verb) => run(node, daemonize, conf, verb)
    return {
      start: () => act('start'),
      stop: () => act('stop'),
      restart: () => act('restart'),
      status: () => act('status'),
      keeper: (pid) => (more ? [parentOf(pid)] : []),
      supervised: more !== undefined,
    }
  })

const tools = [
  tool('plain node', ({ server }) => {
    let child
    return {
      start: () => void (child = spawn(node, [server], { env, stdio: 'ignore' })),
      stop: () => void child.kill(),
      status: () => run(node, '-e', '0'),
      keeper: () => [],
    }
  }),
  tool('server of sites', ({ port, home }) => {
    mkdirSync(home)
    writeSite(home)
    const launch = fileURLToPath(new URL('../packages/daemonize/dist/launch.cjs', import.meta.url))
    const { listenTcp } = createRequire(import.meta.url)('../packages/daemonize/dist/syscall.node')
    const address = `127.0.0.1:${port}`
    const site = { module: './site.js', host: null, port, address: '127.0.0.1', url: '/', socket: address }
    const config = {
      name: 'bench',
      conf: `${home}/conf.json`,
      load: [],
      modulePaths: [],
      cachedir: home,
      drainTimeout: 0,
      sites: [site],
      sockets: [{ fd: 3, address }],
      redirectStatus: 302,
      readyFd: 5,
    }
    writeFileSync(`${home}/host.json`, JSON.stringify(config))
    let child
    return {
      start: () => {
        // As the keeper hands them over: its socket, its configuration, and where it says that it is ready.
        const given = [
          listenTcp('127.0.0.1', port),
          openSync(`${home}/host.json`),
          openSync('/dev/null', 'w'),
        ]
        const stdio = ['ignore', 'ignore', 'ignore', ...given]
        child = spawn(node, [launch, '--part', 'host', '4'], { env, stdio })
        for (const fd of given) closeSync(fd)
      },
      stop: () => void child.kill(),
      keeper: () => [],
    }
  }),
  ours('daemonize', 'command'),
  ours('daemonize, supervised', 'command', { restart: 'always' }),
  ours('daemonize, a site', 'sites'),
  tool('start-stop-daemon', ({ server, home }) => {
    const base = ['--quiet', '--pidfile', `${home}.pid`]
    const all = [...base, '--exec', node]
    return {
      program: 'start-stop-daemon',
      start: () =>
        run('start-stop-daemon', ...all, '--start', '--background', '--make-pidfile', '--', server),
      stop: () => run('start-stop-daemon', ...all, '--stop', '--retry', '5', '--remove-pidfile'),
      status: () => run('start-stop-daemon', ...all, '--status'),
      keeper: () => [],
    }
  }),
  tool('s6', ({ server, home }) => {
    mkdirSync(home)
    writeFileSync(`${home}/run`, `#!/bin/sh\nexec ${node} ${server}\n`, { mode: 0o755 })
    writeFileSync(`${home}/down`, '')
    let supervisor
    return {
      program: 's6-supervise',
      open: () => void (supervisor = spawn('s6-supervise', [home], { stdio: 'ignore' })),
      start: () => run('s6-svc', '-u', home),
      stop: () => run('s6-svc', '-d', '-wD', '-T', '5000', home),
      restart: () => run('s6-svc', '-r', home),
      status: () => run('s6-svstat', home),
      keeper: () => [supervisor.pid],
      supervised: true,
      close: async () => void (await run('s6-svc', '-x', home), supervisor.kill()),
    }
  }),
  tool('runit', ({ server, home }) => {
    mkdirSync(home)
    writeFileSync(`${home}/run`, `#!/bin/sh\nexec ${node} ${server}\n`, { mode: 0o755 })
    writeFileSync(`${home}/down`, '')
    let supervisor
    return {
      program: 'runsv',
      open: () => void (supervisor = spawn('runsv', [home], { stdio: 'ignore' })),
      start: () => run('sv', 'start', home),
      stop: () => run('sv', 'stop', home),
      restart: () => run('sv', 'restart', home),
      status: () => run('sv', 'status', home),
      keeper: () => [supervisor.pid],
      supervised: true,
      close: () => void supervisor.kill(),
    }
  }),
  tool('supervisor', ({ server, home }) => {
    mkdirSync(home)
    const conf = `${home}/conf`
    writeFileSync(
      conf,
      `[unix_http_server]\nfile=${home}/sock\n[supervisord]\nnodaemon=true\nlogfile=${home}/log\npidfile=${home}/pid\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\nserverurl=unix://${home}/sock\n[program:s]\ncommand=${node} ${server}\nautostart=false\nautorestart=true\n`,
    )
    let supervisor
    const act = (verb) => run('supervisorctl', '-c', conf, verb, 's')
    return {
      program: 'supervisord',
      open: async () => {
        supervisor = spawn('supervisord', ['-c', conf], { stdio: 'ignore' })
        while (!existsSync(`${home}/sock`)) await pause(20)
      },
      start: () => act('start'),
      stop: () => act('stop'),
      restart: () => act('restart'),
      status: () => act('status'),
      keeper: () => [supervisor.pid],
      supervised: true,
      close: () => void supervisor.kill(),
    }
  }),
  tool('pm2', ({ server }) => {
    const pm2 = process.env.PM2 ?? 'pm2'
    return {
      program: pm2,
      open: () => run(pm2, 'ping'),
      start: () => run(pm2, 'start', server, '--name', 's'),
      stop: () => run(pm2, 'stop', 's'),
      restart: () => run(pm2, 'restart', 's'),
      status: () => run(pm2, 'jlist'),
      keeper: () => [Number(readFileSync(`${folder}/pm2/pm2.pid`, 'utf8'))],
      supervised: true,
      close: () => run(pm2, 'kill'),
    }
  }),
]

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

async function measure(each, samples) {
  const time = async (row, work) => {
    const began = now()
    const result = await work()
    ;(samples[row] ??= []).push(now() - began)
    return result
  }
  // Until the command has returned and the service answers, whichever is later.
  let pid = await time('start', async () => (await each.start(), answered(each.port)))
  if (each.status) await time('status', () => each.status())
  if (each.restart) pid = await time('restart', async () => (await each.restart(), answered(each.port, pid)))
  // What a keeper needs after a while, not while it is starting.
  ;(samples.memory ??= []).push(pss(each.keeper(pid)))
  if (each.supervised) {
    const killed = pid
    pid = await time('respawn', async () => (process.kill(killed, 'SIGKILL'), answered(each.port, killed)))
  }
  await time('stop', async () => (await each.stop(), silent(each.port)))
}

const shuffled = (list) =>
  list
    .map((each) => [Math.random(), each])
    .sort(([a], [b]) => a - b)
    .map(([, each]) => each)

const isCompared = ({ program }) => program === undefined

const present = tools.filter(({ name, program }) => {
  const there = !program || spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  if (!there) console.log(JSON.stringify({ type: 'bench', tool: name, missing: program }))
  return there
})
const results = new Map(present.map(({ name }) => [name, {}]))
try {
  for (const { open } of present) await open?.()
  await pause(500)
  // In another order each round: whoever comes after a tool that has filled the caches pays for it.
  // What the ratios are made of more often: a start of Node takes a tenth more or less from one time to the next.
  const turns = present.flatMap((each) => Array(isCompared(each) ? 3 : 1).fill(each))
  for (let round = 0; round < rounds; round++)
    for (const each of shuffled(turns)) await measure(each, results.get(each.name))
} finally {
  for (const { close } of present) await close?.()
  rmSync(folder, { recursive: true, force: true })
}
const machine = `${execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim()}, node ${process.version}`
const medians = new Map(
  [...results].map(([name, samples]) => [
    name,
    Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, median(values)])),
  ]),
)
const plain = medians.get('plain node')
const round = (value, digits) => Number(value.toFixed(digits))

/** What each starts, started by nobody but a spawn(). */
const itself = (name) => (name === 'daemonize, a site' ? medians.get('server of sites') : plain)

/** Start within twice the service's own, status within 1.5 times a bare Node, ahead of pm2 and supervisor in every row. */
function isAsAimed(name, row) {
  const others = ['pm2', 'supervisor'].map((name) => medians.get(name)).filter(Boolean)
  const isAhead = others.every((other) => Object.keys(row).every((key) => !(other[key] < row[key])))
  return row.start <= 2 * itself(name).start && row.status <= 1.5 * plain.status && isAhead
}

for (const [name, row] of medians) {
  const { memory, ...times } = Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, round(value, 1)]),
  )
  console.log(
    JSON.stringify({
      type: 'bench',
      tool: name,
      rounds,
      ...times,
      memory_kib: memory,
      start_ratio: round(row.start / plain.start, 2),
      own_start_ratio: round(row.start / itself(name).start, 2),
      status_ratio: row.status ? round(row.status / plain.status, 2) : null,
      ok: name.startsWith('daemonize') ? isAsAimed(name, row) : null,
      machine,
    }),
  )
}
