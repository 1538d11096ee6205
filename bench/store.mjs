// Measures the store daemon, one record a figure, each beside its limit on this machine, the goal, and nix-store doing
// the same work in turn.
//   node bench/store.mjs [NAME…]
// What deletes comes last: ext4 is slow at making files for a while after many have been deleted.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { chosen, environment, report, root, round, scratch, seconds } from './setup.mjs'

let daemon
let store
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

/** A daemon of its own for each measure: one does not inherit the other's items. */
async function startDaemon(name) {
  store = join(scratch, name, 'store')
  socket = join(scratch, name, 'state/daemon-socket/socket')
  const args = [
    'packages/store-daemon/bin/store-daemon.js',
    '--store',
    store,
    '--state',
    join(scratch, name, 'state'),
  ]
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
  const line = ['--store', `local?root=${join(scratch, place)}`, ...args]
  const { status } = spawnSync('nix-store', line, { stdio: [input, 'ignore', 'ignore'], env })
  return status === 0 ? seconds(from) : null
}

/** `amount` a second, or nothing. */
const rate = (amount, took) => (took === null ? null : round(amount / took))
const most = (values) => values.reduce((best, each) => (each !== null && each > best ? each : best), null)

/** A connection that has greeted: send(bytes) resolves to so many bytes of reply. */
async function open() {
  const peer = connect(socket)
  let bytes = Buffer.alloc(0)
  let wake = () => {}
  peer.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  const take = async (count) => {
    while (bytes.length < count) await new Promise((resolve) => (wake = resolve))
    const taken = bytes.subarray(0, count)
    bytes = bytes.subarray(count)
    return taken
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

function runLoad(connections, requests) {
  const file = join(scratch, 'load')
  const parts = []
  for (const { request, reply } of requests) {
    const head = Buffer.alloc(8)
    head.writeUInt32LE(request.length)
    head.writeUInt32LE(reply, 4)
    parts.push(head, request)
  }
  writeFileSync(file, Buffer.concat(parts))
  const out = execFileSync(load, [socket, String(connections), file], { encoding: 'utf8' })
  return requests.length / Number(out)
}

/** Files of 100 bytes a second, made one by one: what the file system allows at this moment. */
function measureFiles() {
  const folder = join(scratch, 'files-limit')
  mkdirSync(folder)
  const contents = randomBytes(100)
  const from = performance.now()
  for (let i = 0; i < 2000; i++) {
    const fd = openSync(join(folder, randomBytes(16).toString('hex')), 'wx', 0o444)
    writeSync(fd, contents)
    futimesSync(fd, 1, 1)
    closeSync(fd)
  }
  return round(2000 / seconds(from))
}

const best = (count, run) => Math.max(...Array.from({ length: count }, run))
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
    const times = Array.from({ length: 5 }, () =>
      Number(execFileSync(load, [socket, '500', 'greet'], { encoding: 'utf8' })),
    )
    report('connect and greet', (Math.min(...times) / 500) * 1000, 'ms', 0.3)
  },
  async texts() {
    let number = 0
    const requests = (count) =>
      Array.from({ length: count }, () => {
        const name = `text-${String(number++).padStart(8, '0')}`
        const request = Buffer.concat([int(8), str(name), str(randomBytes(50).toString('hex')), int(0)])
        return { request, reply: 8 + strLength(store.length + 34 + name.length) }
      })
    const Database = createRequire(join(root, 'packages/store-daemon/package.json'))('better-sqlite3')
    const nativeBinding = join(root, `packages/store-daemon/dist/sqlite-abi${process.versions.modules}.node`)
    const db = new Database(join(scratch, 'limit.sqlite'), { nativeBinding })
    db.pragma('journal_mode = wal')
    db.pragma('synchronous = normal')
    db.exec('create table t (id integer primary key, path text unique)')
    const insert = db.prepare('insert into t (path) values (?)')
    const from = performance.now()
    for (let i = 0; i < 5000; i++) insert.run(`path-${i}`)
    const limits = { limit_sqlite_commits: round(5000 / seconds(from)), limit_files: measureFiles() }
    db.close()
    report(
      'add-text 100 bytes, serial',
      best(3, () => runLoad(1, requests(4000))),
      '/s',
      4000,
      limits,
    )
    report(
      'add-text 100 bytes, 8 connections',
      best(3, () => runLoad(8, requests(10000))),
      '/s',
      10000,
      limits,
    )
  },
  async valid() {
    const client = await open()
    client.peer.write(Buffer.concat([int(8), str('a'), str('x'), int(0)]))
    await readReply(client)
    const length = Number((await client.take(8)).readBigUInt64LE())
    const path = (await client.take(Math.ceil(length / 8) * 8)).subarray(0, length).toString()
    client.peer.destroy()
    const request = { request: Buffer.concat([int(1), str(path)]), reply: 16 }
    report(
      'valid-path, serial',
      best(3, () =>
        runLoad(
          1,
          Array.from({ length: 40000 }, () => request),
        ),
      ),
      '/s',
      24000,
    )
    report(
      'valid-path, 8 connections',
      best(3, () =>
        runLoad(
          8,
          Array.from({ length: 100000 }, () => request),
        ),
      ),
      '/s',
      60000,
    )
  },
  async tree() {
    const tree = join(scratch, 'source')
    mkdirSync(tree)
    for (let i = 0; i < 16; i++) writeFileSync(join(tree, `f${i}`), randomBytes(16 << 20))
    const from0 = performance.now()
    execFileSync('cp', ['-r', tree, join(scratch, 'copy')])
    const copy = 256 / seconds(from0)
    const from1 = performance.now()
    execFileSync('openssl', ['dgst', '-sha256', ...Array.from({ length: 16 }, (_, i) => join(tree, `f${i}`))])
    const hash = 256 / seconds(from1)
    const parts = ['nix-archive-1', '(', 'type', 'directory'].map(str)
    for (const name of Array.from({ length: 16 }, (_, i) => `f${i}`).sort()) {
      parts.push(...['entry', '(', 'name', name, 'node', '(', 'type', 'regular', 'contents'].map(str))
      parts.push(str(readFileSync(join(tree, name))), str(')'), str(')'))
    }
    const nar = Buffer.concat([...parts, str(')')])
    const limits = { limit_cp: round(copy), limit_sha256: round(hash) }
    await addNar('add of a 256 MiB tree', { tree, nar, amount: 256 * 1.048576 }, 'MB/s', 500, limits)
    report('memory after it', rss(), 'MB', 300)
  },
  async files() {
    const tree = join(scratch, 'many')
    mkdirSync(tree)
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
    report(
      'query-references on 10,000 paths, serial',
      best(3, () => runLoad(1, requests)),
      '/s',
      15000,
    )
    await collect(paths)
  },
  async verify() {
    const client = await open()
    const folder = join(scratch, 'verified')
    mkdirSync(folder)
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
    let [own, nix, errors] = [[], [], 0]
    for (let round = 0; round < 3; round++) {
      const from = performance.now()
      client.peer.write(Buffer.concat([int(35), int(1), int(0)]))
      await readReply(client)
      own.push(1 / seconds(from))
      errors += (await client.take(8)).readUInt32LE(0)
      nix.push(rate(1, timeNix('nix', ['--verify', '--check-contents'])))
    }
    const more = { errors, nix: most(nix) }
    report('verify with contents, 1 GB in 10,000 paths', most(own), 'GB/s', 1.6, more)
    client.peer.destroy()
  },
}

async function collect(paths) {
  // The same items for nix-store, before anything is deleted.
  const cli = join(root, 'packages/store-cli/bin/store-cli.js')
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
  const client = await open()
  for (const [name, action, goal, nix] of [
    ['list the dead', 1, 0.05, ['--gc', '--print-dead']],
    ['list the dead again', 1, 0.05, ['--gc', '--print-dead']],
    ['collect all of it', 2, 0.6, ['--gc']],
  ]) {
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
    const other = timeNix('nix', nix)
    report(`gc: ${name}`, took, 's', goal, { paths: count, nix: other === null ? null : round(other) })
  }
  client.peer.destroy()
}

/** Beside `nix-store --add` of the same tree, each into an empty store, in turn. */
async function addNar(name, { tree, nar, amount }, unit, goal, more = {}) {
  const [own, nix] = [[], []]
  for (let run = 0; run < 3; run++) {
    const client = await open()
    const from = performance.now()
    client.peer.write(Buffer.concat([int(7), str(`tree-${run}`), int(1), int(1), str('sha256')]))
    // In pieces: one write of it all would be copied once more by the kernel's socket queue, and by Node.
    for (let at = 0; at < nar.length; at += 1 << 20) {
      if (!client.peer.write(nar.subarray(at, at + (1 << 20)))) await once(client.peer, 'drain')
    }
    await readReply(client)
    own.push(amount / seconds(from))
    await client.take(strLength(store.length + 34 + 6))
    client.peer.destroy()
    nix.push(rate(amount, timeNix(`nix-${name}-${run}`, ['--add', tree])))
  }
  report(name, most(own), unit, goal, { ...more, nix: most(nix) })
}

// What deletes, last.
const order = ['memory', 'connect', 'texts', 'valid', 'tree', 'files', 'verify', 'gc']
try {
  for (const name of order.filter((each) => chosen.length === 0 || chosen.includes(each))) {
    await startDaemon(name)
    await measures[name]()
    await stopDaemon()
  }
} finally {
  daemon?.kill()
  rmSync(scratch, { recursive: true, force: true })
}
