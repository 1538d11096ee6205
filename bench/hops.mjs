// Hops on an open connection, beside the same commands nested by hand, in turn: what one command takes at each depth,
// what a stream of bytes takes each way; and the memory of a process that has two hundred connections open.
//   node bench/hops.mjs [latency | throughput | memory]…
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compare, report } from './measure.mjs'
import { startSshd } from './sshd.mjs'
import { chosen, environment, report as reportValue, root, scratch } from './setup.mjs'

const has = (command) => spawnSync('/bin/sh', ['-c', `command -v ${command}`]).status === 0
if (process.getuid() !== 0 || !has('/usr/sbin/sshd') || !has('sudo')) {
  console.error('bench: hops is left out: it needs root, sshd and sudo')
  process.exit(0)
}
const wants = (name) => chosen.length === 0 || chosen.includes(name)
const file = (name) => join(scratch, name)
const bin = join(root, 'packages/connect/bin/connect.cjs')
const mebibyte = 1024 * 1024
const streamed = Number(process.env.BENCH_MEBIBYTES ?? 64) * mebibyte
const connections = Number(process.env.BENCH_CONNECTIONS ?? 200)

const hops = [`ssh -n -F ${file('ssh_config')} near`, 'sudo', 'chroot.shell /', 'su daemon']

/** What a person types in place of so many of them; the command holds no quotes. */
const ssh = (host, depth, command) => {
  const words = ['', 'sudo ', 'chroot / ', 'su -s /bin/sh daemon -c ']
  const last = depth === words.length ? `'${command}'` : command
  return `ssh -F ${file('ssh_config')} ${host} "${words.slice(0, depth).join('')}${last}"`
}

const run = (command, stdio = ['ignore', 'ignore', 'inherit']) =>
  spawn('/bin/sh', ['-c', command], { cwd: '/', env: environment, stdio })

async function finish(child) {
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`${child.spawnargs.at(-1)}: status ${status}`)
}

/** A connect that is held open by a client; its record as a stream for the next. */
async function openHop(hop, below) {
  const child = spawn('/bin/sh', ['-c', `exec ${process.execPath} ${bin} ${hop}`], {
    env: environment,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(below ?? '')
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const client = await openClient(JSON.parse(line).socket)
  return { child, client, stream: `${line}\n{"type":"end","tool":"connect","ok":true,"counts":{}}\n` }
}

/** The four verbs by hand: what a program that uses a connection does. */
async function openClient(path) {
  const socket = connect(path)
  await once(socket, 'connect')
  let count = 0
  const waiting = new Map()
  createInterface({ input: socket }).on('line', (line) => {
    if (line === '') return
    const { type, id, message } = JSON.parse(line)
    if (type === 'error') throw new Error(message)
    if (type === 'exit') waiting.get(id)?.()
  })
  const request = (command) =>
    new Promise((resolve) => {
      const id = String(++count)
      waiting.set(id, resolve)
      socket.write(`${JSON.stringify({ type: 'run', id, command })}\n`)
    })
  return { request, close: () => socket.end() }
}

async function openChain() {
  chmodSync(scratch, 0o755)
  const chain = []
  for (const hop of hops) chain.push(await openHop(hop, chain.at(-1)?.stream))
  chain.forEach(({ stream }, index) => writeFileSync(file(`record-${index + 1}`), stream))
  return chain
}

async function measureLatency(chain) {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 15)
  for (const [index, { client }] of chain.entries()) {
    const depth = index + 1
    const rows = await compare(
      [
        ['ssh', () => finish(run(ssh('near', depth, 'true')))],
        ['ssh, ControlMaster', () => finish(run(ssh('shared', depth, 'true')))],
        ['request', () => client.request('true')],
        [
          'connect exec',
          () => finish(run(`${process.execPath} ${bin} exec -- true <${file(`record-${depth}`)}`)),
        ],
      ],
      { rounds },
    )
    for (const row of rows) report(`hops latency ${depth}`, row, row.name === 'ssh' ? undefined : 1)
  }
}

async function measureThroughput(chain) {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
  const block = Buffer.alloc(mebibyte, 'a line of text, as logs have them by the million.\n')
  const random = spawnSync('head', ['-c', String(mebibyte), '/dev/urandom'], {
    maxBuffer: 2 * mebibyte,
  }).stdout
  for (const [name, content] of [
    ['text', block],
    ['bytes', random],
  ]) {
    const fd = openSync(file(name), 'w')
    for (let at = 0; at < streamed; at += mebibyte) writeFileSync(fd, content)
    closeSync(fd)
  }
  for (const depth of [1, chain.length]) {
    const exec = `${process.execPath} ${bin} exec`
    const record = file(`record-${depth}`)
    for (const name of ['text', 'bytes']) {
      const out = await compare(
        [
          ['ssh', () => finish(run(`${ssh('shared', depth, `cat ${file(name)}`)} >/dev/null`))],
          ['connect exec', () => finish(run(`${exec} -- cat ${file(name)} <${record} >/dev/null`))],
        ],
        { rounds, warmUp: 1 },
      )
      const into = await compare(
        [
          ['ssh', () => finish(run(`${ssh('shared', depth, 'cat >/dev/null')} <${file(name)}`))],
          ['connect exec', () => finish(run(`${exec} -i ${file(name)} -c -- 'cat >/dev/null' <${record}`))],
        ],
        { rounds, warmUp: 1 },
      )
      for (const row of out) report(`hops ${name} out ${depth}`, row, row.name === 'ssh' ? undefined : 2)
      for (const row of into) report(`hops ${name} in ${depth}`, row, row.name === 'ssh' ? undefined : 2)
    }
  }
}

/** In MB, as the kernel counts a process's share. */
function memoryOf(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const of = (key) => Number(new RegExp(`^${key}: +(\\d+)`, 'm').exec(rollup)[1]) / 1024
  return { rss: of('Rss'), pss: of('Pss') }
}

async function measureMemory(sshd) {
  const names = Array.from({ length: connections }, (_, index) => `host-${index}`)
  for (const name of names) sshd.addHost(name)
  const open = async (hosts) => {
    const args = [bin, 'ssh', '-n', '-F', file('ssh_config'), '--timeout', '300s', ...hosts]
    const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
    const sockets = []
    for await (const line of createInterface({ input: child.stdout })) {
      const { type, socket, message } = JSON.parse(line)
      if (type === 'error') throw new Error(message)
      if (type === 'connection') sockets.push(await openClient(socket))
    }
    await Promise.all(sockets.map(({ request }) => request('true')))
    const memory = memoryOf(child.pid)
    sockets.forEach((socket) => socket.close())
    await once(child, 'exit')
    return memory
  }
  const [one, all] = [await open(names.slice(0, 1)), await open(names)]
  for (const kind of ['rss', 'pss']) {
    reportValue(`hops memory ${connections}`, all[kind], 'MB', undefined, { kind })
    reportValue('hops memory 1', one[kind], 'MB', undefined, { kind })
    const each = (all[kind] - one[kind]) / (connections - 1)
    reportValue('hops memory of each', each, 'MB', 1, { kind })
  }
}

const sshd = await startSshd(scratch, ['MaxStartups 500', 'MaxSessions 100'])
sshd.addHost('near')
mkdirSync(file('control'))
sshd.addHost('shared', { ControlMaster: 'auto', ControlPath: file('control/%C'), ControlPersist: 'yes' })
try {
  if (wants('latency') || wants('throughput')) {
    await finish(run(`ssh -F ${file('ssh_config')} shared true`))
    const chain = await openChain()
    if (wants('latency')) await measureLatency(chain)
    if (wants('throughput')) await measureThroughput(chain)
    for (const { client } of chain) client.close()
    await Promise.all(chain.map(({ child }) => once(child, 'exit')))
    await finish(run(`ssh -F ${file('ssh_config')} -O exit shared 2>/dev/null`))
  }
  if (wants('memory')) await measureMemory(sshd)
} finally {
  sshd.close()
  rmSync(scratch, { recursive: true, force: true })
}
