// Measures the store daemon, one record a figure: the median of some runs, beside its limit on this machine at the same
// moment, the goal, and nix-store doing the same work in turn.
//   node bench/store.mjs [NAME…]
//
// Three things would make figures lie, and are kept out:
// - ext4, without a journal above all, is slow at making files near those that were deleted a while ago, whoever
//   deleted them. So every store lies in a directory for which ext4 chooses another part of the disk (chattr +T, and
//   a name of its own), and what deletes comes last.
// - A virtual machine's memory that has not been used for a while has to be given by its host first, at 3 µs a page:
//   writing files is then eight times slower. So memory is used right before what writes much.
// - Single hiccups: medians, of runs that alternate with those of their limits.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  futimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { median } from './measure.mjs'
import { chosen, environment, report, root, round, scratch, seconds } from './setup.mjs'

// Elsewhere than ext4 there is no such attribute, and no need of it.
spawnSync('chattr', ['+T', scratch], { stdio: 'ignore' })
let daemon
let store
let state
let socket
const load = join(root, '.cache/store-load')

const int = (value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const str = (text) => {
  const bytes = Buffer.from(text)
  return Buffer.concat([int(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)])
}
const strLength = (length) => 8 + Math.ceil(length / 8) * 8

mkdirSync(join(root, '.cache'), { recursive: true })
execFileSync('cc', ['-O2', '-o', load, join(root, 'bench/store-load.c')])

/** A directory that has its own part of the disk. */
const makePlace = () => mkdtempSync(`${scratch}/`)

/** A daemon of its own for each measure: one does not inherit the other's items. */
async function startDaemon() {
  store = makePlace()
  state = makePlace()
  socket = join(state, 'daemon-socket/socket')
  await runDaemon()
}

async function runDaemon() {
  const args = ['packages/store-daemon/bin/store-daemon.cjs', '--store', store, '--state', state]
  daemon = spawn(process.execPath, args, { env: environment, stdio: 'inherit', cwd: root })
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function stopDaemon() {
  daemon.kill()
  await once(daemon, 'exit')
}

/** Seconds that nix-store takes for it, on a store of its own called `place`; null where there is none. */
function timeNix(place, args, input = 'ignore') {
  // The store is called as the daemon's is, so that items of the one can be imported by the other.
  const env = { ...environment, NIX_STORE_DIR: store, NIX_CONFIG: 'build-users-group =' }
  const from = performance.now()
  const line = ['--store', `local?root=${resolve(scratch, place)}`, ...args]
  const { status } = spawnSync('nix-store', line, { stdio: [input, 'ignore', 'ignore'], env })
  return status === 0 ? round(seconds(from)) : null
}

/** The median, or nothing when one is missing. */
const middle = (values) => (values.includes(null) ? null : round(median(values)))
const rate = (amount, took) => (took === null ? null : amount / took)

/** Has the host of a virtual machine give the memory that is going to be used. */
const warmMemory = () => execFileSync(process.execPath, ['-e', 'Buffer.alloc(2 ** 30, 1)'])

/** Runs each in turn, so many times; the values of each. */
async function alternate(rounds, ...actions) {
  const values = actions.map(() => [])
  for (let run = 0; run < rounds; run++) {
    for (const [index, action] of actions.entries()) values[index].push(await action(run))
  }
  return values
}

/** A connection that has greeted: send(bytes) resolves to so many bytes of reply. */
async function open() {
  const peer = connect(socket)
  const received = { chunks: [], length: 0, wake: () => {} }
  peer.on('data', (chunk) => {
    received.chunks.push(chunk)
    received.length += chunk.length
    received.wake()
  })
  const take = async (count) => {
    while (received.length < count) await new Promise((resolve) => (received.wake = resolve))
    const bytes = received.chunks.length === 1 ? received.chunks[0] : Buffer.concat(received.chunks)
    received.length -= count
    received.chunks = received.length > 0 ? [bytes.subarray(count)] : []
    return bytes.subarray(0, count)
  }
  peer.write(int(0x6e697863))
  await take(16)
  peer.write(Buffer.concat([int(0x163), int(0), int(1)]))
  await take(8)
  return { peer, take }
}

async function readReply({ take }) {
  for (;;) {
    const tag = (await take(8)).readUInt32LE(0)
    if (tag === 0x616c7473) return
    const length = Number((await take(8)).readBigUInt64LE())
    const text = (await take(Math.ceil(length / 8) * 8)).toString()
    if (tag === 0x63787470) throw new Error(text)
  }
}

function runLoad(connections, requests, at = socket) {
  const file = join(scratch, 'load')
  const parts = []
  for (const { request, reply } of requests) {
    const head = Buffer.alloc(8)
    head.writeUInt32LE(request.length)
    head.writeUInt32LE(reply, 4)
    parts.push(head, request)
  }
  writeFileSync(file, Buffer.concat(parts))
  const out = execFileSync(load, [at, String(connections), file], { encoding: 'utf8' })
  return requests.length / Number(out)
}

/** Files of 100 bytes a second, made one by one: what the file system allows at this moment. */
function measureFiles() {
  const folder = makePlace()
  const contents = randomBytes(100)
  const from = performance.now()
  for (let i = 0; i < 2000; i++) {
    const fd = openSync(join(folder, randomBytes(16).toString('hex')), 'wx', 0o444)
    writeSync(fd, contents)
    futimesSync(fd, 1, 1)
    closeSync(fd)
  }
  return 2000 / seconds(from)
}

/** Commits of one row a second, with the pragmas of the store's database. */
function openCommits() {
  const Database = createRequire(join(root, 'packages/store-daemon/package.json'))('better-sqlite3')
  const nativeBinding = join(root, `packages/store-daemon/dist/sqlite-abi${process.versions.modules}.node`)
  const db = new Database(join(scratch, 'limit.sqlite'), { nativeBinding })
  db.pragma('journal_mode = wal')
  db.pragma('synchronous = normal')
  db.pragma('wal_autocheckpoint = 40000')
  db.exec('create table t (id integer primary key, path text unique)')
  const insert = db.prepare('insert into t (path) values (?)')
  let row = 0
  return () => {
    const from = performance.now()
    for (let i = 0; i < 2000; i++) insert.run(`path-${row++}`)
    return 2000 / seconds(from)
  }
}

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) / 1024

const measures = {
  async memory() {
    const first = await open()
    await new Promise((resolve) => setTimeout(resolve, 500))
    const idle = rss()
    report('memory, idle', idle, 'MB', 60)
    const more = []
    for (let i = 0; i < 200; i++) more.push(await open())
    report('memory, one more connection', (rss() - idle) / 200, 'MB', 0.1)
    for (const { peer } of [first, ...more]) peer.destroy()
  },
  async connect() {
    const [times] = await alternate(7, () =>
      Number(execFileSync(load, [socket, '500', 'greet'], { encoding: 'utf8' })),
    )
    report('connect and greet', (median(times) / 500) * 1000, 'ms', 0.3)
  },
  async texts() {
    let number = 0
    const requests = (count) =>
      Array.from({ length: count }, () => {
        const name = `text-${String(number++).padStart(8, '0')}`
        const request = Buffer.concat([int(8), str(name), str(randomBytes(50).toString('hex')), int(0)])
        return { request, reply: 8 + strLength(store.length + 34 + name.length) }
      })
    const [serial, together, commits, files] = await alternate(
      5,
      () => runLoad(1, requests(3000)),
      () => runLoad(8, requests(6000)),
      openCommits(),
      measureFiles,
    )
    const limits = { limit_sqlite_commits: middle(commits), limit_files: middle(files) }
    report('add-text 100 bytes, serial', median(serial), '/s', 4000, limits)
    report('add-text 100 bytes, 8 connections', median(together), '/s', 10000, limits)
  },
  /** Beside a program in C that answers each question of the same size with as many bytes, and does nothing else. */
  async valid() {
    const client = await open()
    client.peer.write(Buffer.concat([int(8), str('a'), str('x'), int(0)]))
    await readReply(client)
    const length = Number((await client.take(8)).readBigUInt64LE())
    const path = (await client.take(Math.ceil(length / 8) * 8)).subarray(0, length).toString()
    client.peer.destroy()
    const requests = (count) =>
      Array.from({ length: count }, () => ({ request: Buffer.concat([int(1), str(path)]), reply: 16 }))
    const echo = join(state, 'echo')
    const server = spawn(load, [echo, '16', 'echo'], { stdio: 'inherit' })
    while (!existsSync(echo)) await new Promise((resolve) => setTimeout(resolve, 20))
    for (const [name, connections, count, goal] of [
      ['valid-path, serial', 1, 20000, 24000],
      ['valid-path, 8 connections', 8, 50000, 60000],
    ]) {
      const [own, limit] = await alternate(
        7,
        () => runLoad(connections, requests(count)),
        () => runLoad(connections, requests(count), echo),
      )
      report(name, median(own), '/s', goal, { limit_echo: middle(limit) })
    }
    server.kill()
  },
  async tree() {
    const tree = makePlace()
    const files = Array.from({ length: 16 }, (_, i) => join(tree, `f${i}`))
    for (const file of files) writeFileSync(file, randomBytes(16 << 20))
    const amount = 256 * 1.048576
    const timed = (command, args) => {
      const from = performance.now()
      execFileSync(command, args)
      return amount / seconds(from)
    }
    const parts = ['nix-archive-1', '(', 'type', 'directory'].map(str)
    for (const name of Array.from({ length: 16 }, (_, i) => `f${i}`).sort()) {
      parts.push(...['entry', '(', 'name', name, 'node', '(', 'type', 'regular', 'contents'].map(str))
      parts.push(str(readFileSync(join(tree, name))), str(')'), str(')'))
    }
    const nar = Buffer.concat([...parts, str(')')])
    const limits = {
      limit_cp: () => (warmMemory(), timed('cp', ['-r', tree, join(makePlace(), 'copy')])),
      limit_sha256: () => timed('openssl', ['dgst', '-sha256', ...files]),
    }
    await addNar('add of a 256 MiB tree', { tree, nar, amount }, 'MB/s', 500, limits)
    report('memory after it', rss(), 'MB', 300)
  },
  async files() {
    const tree = makePlace()
    const parts = ['nix-archive-1', '(', 'type', 'directory'].map(str)
    for (let i = 0; i < 20000; i++) {
      const name = `f${String(i).padStart(5, '0')}`
      const contents = randomBytes(500).toString('hex')
      writeFileSync(join(tree, name), contents)
      parts.push(
        ...['entry', '(', 'name', name, 'node', '(', 'type', 'regular', 'contents', contents, ')', ')'].map(
          str,
        ),
      )
    }
    const nar = Buffer.concat([...parts, str(')')])
    await addNar('add of 20,000 small files', { tree, nar, amount: 20000 }, 'files/s', 15000)
  },
  /** Ten thousand texts that refer to each other: asked about, listed as dead, collected. */
  async gc() {
    const client = await open()
    const paths = []
    for (let i = 0; i < 10000; i++) {
      const references = [...new Set([1, 7, 100].map((back) => paths[i - back]).filter(Boolean))].sort()
      client.peer.write(
        Buffer.concat([
          int(8),
          str(`r${i}`),
          str(randomBytes(50).toString('hex')),
          int(references.length),
          ...references.map(str),
        ]),
      )
      await readReply(client)
      const length = Number((await client.take(8)).readBigUInt64LE())
      paths.push((await client.take(Math.ceil(length / 8) * 8)).subarray(0, length).toString())
    }
    client.peer.destroy()
    const requests = paths.map((path, i) => {
      const references = new Set([1, 7, 100].map((back) => paths[i - back]).filter(Boolean))
      const reply = 16 + [...references].reduce((sum, each) => sum + strLength(each.length), 0)
      return { request: Buffer.concat([int(5), str(path)]), reply }
    })
    const [asked] = await alternate(5, () => runLoad(1, requests))
    report('query-references on 10,000 paths, serial', median(asked), '/s', 15000)
    await collect(paths)
  },
  async verify() {
    const client = await open()
    const folder = makePlace()
    const files = []
    for (let i = 0; i < 10000; i++) {
      const contents = randomBytes(100_000)
      files.push(join(folder, `v${i}`))
      writeFileSync(files[i], contents)
      const nar = Buffer.concat(['nix-archive-1', '(', 'type', 'regular', 'contents', contents, ')'].map(str))
      client.peer.write(Buffer.concat([int(7), str(`v${i}`), int(1), int(1), str('sha256'), nar]))
      await readReply(client)
      await client.take(strLength(store.length + 34 + `v${i}`.length))
    }
    for (let at = 0; at < files.length; at += 1000) timeNix('nix', ['--add', ...files.slice(at, at + 1000)])
    let errors = 0
    const verify = async () => {
      const from = performance.now()
      client.peer.write(Buffer.concat([int(35), int(1), int(0)]))
      await readReply(client)
      const took = seconds(from)
      errors += (await client.take(8)).readUInt32LE(0)
      return 1 / took
    }
    const [own, nix] = await alternate(3, verify, () =>
      rate(1, timeNix('nix', ['--verify', '--check-contents'])),
    )
    const more = { errors, nix: middle(nix) }
    report('verify with contents, 1 GB in 10,000 paths', median(own), 'GB/s', 1.6, more)
    client.peer.destroy()
  },
}

async function collect(paths) {
  // The same items for nix-store, before anything is deleted.
  const cli = join(root, 'packages/store-cli/bin/store-cli.cjs')
  const exported = join(scratch, 'exported')
  const stream = openSync(exported, 'w+')
  spawnSync(process.execPath, [cli, 'export', '--unsigned', '--quiet', '--socket', socket], {
    input: paths.join('\n'),
    stdio: ['pipe', stream, 'inherit'],
    env: environment,
  })
  closeSync(stream)
  const input = openSync(exported, 'r')
  timeNix('nix', ['--import'], input)
  closeSync(input)
  // What a daemon does for the first time takes longer, so there are three.
  const [first, again] = [[], []]
  for (let run = 0; run < 3; run++) {
    await stopDaemon()
    await runDaemon()
    const client = await open()
    client.peer.write(int(13))
    await readReply(client)
    await client.take(8)
    first.push((await collectGarbage(client, 1)).took)
    for (let more = 0; more < 3; more++) again.push((await collectGarbage(client, 1)).took)
    client.peer.destroy()
  }
  const nixDead = timeNix('nix', ['--gc', '--print-dead'])
  const more = { paths: paths.length, nix: nixDead }
  report('gc: list the dead', median(first), 's', 0.05, more)
  report('gc: list the dead again', median(again), 's', 0.05, more)
  const client = await open()
  const { took, count } = await collectGarbage(client, 2)
  report('gc: collect all of it', took, 's', 0.6, { paths: count, nix: timeNix('nix', ['--gc']) })
  client.peer.destroy()
}

async function collectGarbage(client, action) {
  const from = performance.now()
  client.peer.write(
    Buffer.concat([int(20), int(action), int(0), int(0), int(0xffffffffffffffffn), int(0), int(0), int(0)]),
  )
  await readReply(client)
  const took = seconds(from)
  const count = Number((await client.take(8)).readBigUInt64LE())
  for (let i = 0; i < count; i++) {
    const length = Number((await client.take(8)).readBigUInt64LE())
    await client.take(Math.ceil(length / 8) * 8)
  }
  await client.take(16)
  return { took, count }
}

/** Beside `nix-store --add` of the same tree, each into an empty store, and the limits, in turn. */
async function addNar(name, { tree, nar, amount }, unit, goal, limits = {}) {
  const add = async (run) => {
    warmMemory()
    const client = await open()
    const from = performance.now()
    client.peer.write(Buffer.concat([int(7), str(`tree-${run}`), int(1), int(1), str('sha256')]))
    // In pieces: one write of it all would be copied once more by the kernel's socket queue, and by Node.
    for (let at = 0; at < nar.length; at += 1 << 20) {
      if (!client.peer.write(nar.subarray(at, at + (1 << 20)))) await once(client.peer, 'drain')
    }
    await readReply(client)
    const took = seconds(from)
    await client.take(strLength(store.length + 34 + 6))
    client.peer.destroy()
    return amount / took
  }
  const addWithNix = () => (warmMemory(), rate(amount, timeNix(makePlace(), ['--add', tree])))
  const [own, nix, ...others] = await alternate(5, add, addWithNix, ...Object.values(limits))
  const more = Object.fromEntries(Object.keys(limits).map((limit, index) => [limit, middle(others[index])]))
  report(name, median(own), unit, goal, { ...more, nix: middle(nix) })
}

// What deletes, last.
const order = ['memory', 'connect', 'texts', 'valid', 'tree', 'files', 'verify', 'gc']
try {
  for (const name of order.filter((each) => chosen.length === 0 || chosen.includes(each))) {
    await startDaemon()
    await measures[name]()
    await stopDaemon()
  }
} finally {
  daemon?.kill()
  rmSync(scratch, { recursive: true, force: true })
}
