// What went between Guix's own client and guix-daemon, call by call, said to this daemon: same frames, same values,
// same statuses, same fate of the connection. Text for people (NEXT) is not part of the contract.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase } from './support/database.ts'
import { Inbox } from './support/inbox.ts'
import { Scratch } from './support/scratch.ts'
import { root } from './support/shell.ts'
import { TestStore } from './support/store.ts'
import { int, str, tags } from './support/wire.ts'

type Event = { dir: 'c2s' | 's2c'; offset: number; hex: string }
type Transcript = {
  name: string
  description: string
  closed_by: 'client' | 'server'
  events: Event[]
  varying: { s2c?: { ranges: [number, number][] } }
}

const folder = `${root}/test/vectors/store-transcripts`
const transcripts = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Transcript,
)
const port = 41000 + (process.pid % 10000)
const scratch = new Scratch('transcripts')
const store = '/gnu/store'
const bash = `${store}/swfw4917ciicr434whfc2c3b3k61fb7m-bash`
const hello = {
  drv: `${store}/glzgx7da7s1jjlvw6rpkjaqzqhzhx9zi-hello.drv`,
  out: `${store}/mkfz5ddm61psh6wvwjx1mfw51qq813j5-hello`,
}

const nondet = {
  drv: `${store}/r63cpb3mzqa25l5f7m6ynbj40c7jd1lr-nondet.drv`,
  out: `${store}/bvmqyvxbc013lfgsh0fzyvsmsh0fs7si-nondet`,
}
const recordedLogs = '/var/guix-peer/log/guix'

/** What the store held when the session was recorded, as far as the session shows. */
const present: Record<string, string[]> = {
  'gc-dead': listed('gc-dead'),
  'untrusted-gc': listed('untrusted-gc'),
  'gc-delete-specific': [`${store}/z0dnr98gr7yvxkk2nrkdf31rkmiczfpc-dead-one`],
  'verify-store-corrupt': [`${store}/cfdy217jsj4b0wnq0chi2z2cq7djnmpg-to-be-corrupted`],
  'gc-live': [],
  'verify-store': [],
}

/** The paths in the last reply of a session: LAST, their number, and each as a string. */
function listed(name: string): string[] {
  const hex = transcripts.find((each) => each.name === name)?.events.at(-1)?.hex ?? ''
  const reply = withoutLog(Buffer.from(hex, 'hex'))
  const paths: string[] = []
  for (let at = 16; paths.length < reply.readUInt32LE(8);) {
    const length = reply.readUInt32LE(at)
    paths.push(reply.toString('latin1', at + 8, at + 8 + length))
    at += 8 + Math.ceil(length / 8) * 8
  }
  return paths
}

describe.skipIf(process.getuid?.() !== 0)('transcripts', () => {
  // To remove a directory takes away what is mounted on it in every namespace: only the last of several runs on one
  // machine does that. What they share is a lock on the root directory.
  let user: ChildProcess
  beforeAll(async () => {
    const script = `mkdir -p ${store} && echo ready && exec cat`
    user = spawn('flock', ['--shared', '/', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    if (user.stdout) await once(user.stdout, 'data')
  })
  afterAll(async () => {
    user.stdin?.end()
    await once(user, 'exit')
    spawnSync('flock', ['--nonblock', '/', 'rmdir', store, '/gnu'])
  })
  let count = 0

  it.each(transcripts)('$name: $description', async (transcript) => {
    const daemon = await prepare(`store-${count++}`, transcript.name)
    onTestFinished(async () => void (await daemon.stop()))
    const peer = await open(daemon, transcript.name)
    let offset = 0
    for (const event of transcript.events) {
      const bytes = Buffer.from(event.hex, 'hex')
      if (event.dir === 'c2s') {
        peer.socket.write(bytes)
        continue
      }
      // The greeting has no frames.
      const isGreeting = event.offset === 0
      const expected = isGreeting ? bytes : withoutLog(bytes)
      const got = await peer.take(expected.length, isGreeting)
      for (const [from, to] of transcript.varying.s2c?.ranges ?? []) {
        // Offsets count from the start of the stream, and what varies in the log does not matter.
        const before = event.offset + bytes.length - expected.length
        if (from < before || to >= event.offset + bytes.length) continue
        const [start, end] = [Math.floor(from / 8) * 8 - before, Math.ceil((to + 1) / 8) * 8 - before]
        got.fill(0, start, end)
        expected.fill(0, start, end)
      }
      expect(printable(got)).toEqual(printable(expected))
      offset += bytes.length
    }
    expect(offset).toBeGreaterThanOrEqual(0)
    const logs = `${scratch.path}/store-${count - 1}/log`
    const recorded = transcript.events.filter(({ dir }) => dir === 's2c').slice(1)
    const said = recorded.map(({ hex }) => logOf(Buffer.from(hex, 'hex'))).join('')
    expect(tracesOf(peer.log)).toEqual(tracesOf(said.replaceAll(recordedLogs, logs)))
    if (transcript.closed_by === 'server') return peer.untilClosed()
    if (transcript.name === 'raw-connect-close-early') return void peer.socket.destroy()
    // It goes on: another question is answered.
    peer.socket.write(Buffer.concat([int(1), str(`${store}/x`)]))
    expect(await peer.take(16, false)).toEqual(Buffer.concat([int(tags.last), int(0)]))
    return void peer.socket.destroy()
  })
})

/** A daemon for /gnu/store in a mount namespace of its own, with the items that the sessions ask about. */
async function prepare(name: string, transcript: string): Promise<TestStore> {
  const only = present[transcript]
  const place = scratch.file(name)
  mkdirSync(`${place}/items/.links`, { recursive: true })
  mkdirSync(`${place}/etc`)
  writeFileSync(`${place}/etc/acl`, accessList())
  const script = `mount --bind ${place}/items ${store} && exec "$@"`
  const daemon = new TestStore(scratch, name, {
    store,
    prefix: ['unshare', '--mount', 'sh', '-c', script, 'sh'],
    args: ['--listen', `${place}/state/daemon-socket/socket`, '--listen', `127.0.0.1:${port}`],
    env: { GUIX_CONFIGURATION_DIRECTORY: `${place}/etc`, GUIX_LOG_DIRECTORY: `${place}/log` },
  })
  await daemon.start()
  // What a start finds in the store and does not know, it removes: wait for that to be over.
  const client = await daemon.connect()
  await client.call(13)
  client.close()
  const database = openDatabase(`${place}/state/db/db.sqlite`)
  const put = (path: string, contents: string) =>
    writeFileSync(`${place}/items/${path.slice(store.length + 1)}`, contents)
  const add = (path: string, hash: string, size: number, contents: string, deriver: string | null = null) => {
    put(path, contents)
    const sql =
      'insert into ValidPaths (path, hash, registrationTime, deriver, narSize) values (?, ?, 1, ?, ?)'
    return database.prepare(sql).run(path, `sha256:${hash}`, deriver, size).lastInsertRowid as number
  }
  if (only) {
    for (const path of only) {
      const isItem = !/\.lock$|-nondet$|-dup$/.test(path)
      if (isItem) add(path, '5775672b887f0c665d6ba26307fe6fb9732a9c88de11f6147110deac753315b6', 120, 'dead')
      else put(path, '')
    }
  } else {
    const target = add(
      `${store}/x9j4k99hq8441lgm4i395h1xjyjyh5w7-ref-target`,
      '0'.repeat(64),
      128,
      'I am referred to',
    )
    const source = add(
      `${store}/0xwwivzlam3w6hjwijjcq5zys5lib29s-ref-source`,
      'd02eb4115f9880a4f82a721dbcc9fc337b8ead8866e0bdeb5f5b33820c3d60d5',
      120,
      'I refer',
    )
    const other = add(`${store}/4k6cc8bmkrjl5zj0p8y4gzxpjq91848p-with-refs`, '0'.repeat(64), 120, '')
    for (const each of [source, other]) database.prepare('insert into Refs values (?, ?)').run(each, target)
    add(bash, '0'.repeat(64), 120, '')
    copyFileSync('/bin/bash-static', `${place}/items/${bash.slice(store.length + 1)}`)
    const addDerivation = (drv: string, out: string, script: string, given: string) => {
      const text = `Derive([("out","${out}","","")],[],["${bash}"],"x86_64-linux","${bash}",["-ec","${script}"],[("out","${out}")])`
      const id = add(drv, '0'.repeat(64), 120, text)
      database.prepare('insert into DerivationOutputs values (?, ?, ?)').run(id, 'out', out)
      // The session that builds it finds it missing; the one that repairs it, not as it was registered.
      if (out !== hello.out || transcript !== 'build-things') add(out, '0'.repeat(64), 120, given, drv)
    }
    addDerivation(hello.drv, hello.out, 'echo building; echo hello > $out', '')
    addDerivation(nondet.drv, nondet.out, 'echo $RANDOM > $out', '')
  }
  database.close()
  return daemon
}

/** The key that signed the recorded export may import. */
function accessList(): string {
  const session = transcripts.find(({ name }) => name === 'import-paths')
  const text = Buffer.from(session?.events.map(({ hex }) => hex).join('') ?? '', 'hex').toString('latin1')
  const key = /\(public-key[^]*?\n {3}\)\n {2}\)/.exec(text)?.[0] ?? ''
  return `(acl (entry ${key} (tag (guix import))))`
}

class Peer {
  readonly socket: Duplex
  readonly #inbox: Inbox
  /** Text of NEXT frames. */
  log = ''

  constructor(socket: Duplex) {
    this.socket = socket
    this.#inbox = new Inbox(socket)
  }

  /** The next bytes that are no log. */
  async take(count: number, raw: boolean): Promise<Buffer> {
    const inbox = this.#inbox
    for (;;) {
      const bytes = raw ? inbox.pending : withoutLog(inbox.pending)
      if (!raw && bytes.length > 0) this.log += logOf(inbox.pending)
      if (bytes.length > 0) inbox.pending = bytes
      if (bytes.length >= count || inbox.closed) {
        inbox.pending = bytes.subarray(count)
        return Buffer.from(bytes.subarray(0, count))
      }
      await inbox.more()
    }
  }

  async untilClosed(): Promise<void> {
    await this.#inbox.untilClosed()
    expect(printable(this.#inbox.pending)).toEqual([])
  }
}

async function open(daemon: TestStore, name: string): Promise<Peer> {
  if (name.startsWith('untrusted-')) {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const child = spawn('setpriv', [...nobody, 'nc', '-U', daemon.socket], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    return new Peer(Duplex.from({ writable: child.stdin, readable: child.stdout }))
  }
  const socket = name.startsWith('tcp-') ? connect(port, '127.0.0.1') : connect(daemon.socket)
  await once(socket, 'connect')
  return new Peer(socket)
}

/** Drops whole NEXT frames from the start; frames come before anything else in a reply. */
function withoutLog(bytes: Buffer): Buffer {
  let at = 0
  while (bytes.length >= at + 16 && bytes.readUInt32LE(at) === tags.next) {
    const length = bytes.readUInt32LE(at + 8)
    const end = at + 16 + Math.ceil(length / 8) * 8
    if (end > bytes.length) break
    at = end
  }
  const rest = bytes.subarray(at)
  return rest.length >= 8 && rest.readUInt32LE(0) === tags.next ? Buffer.alloc(0) : rest
}

/** The text of the NEXT frames at the start. */
function logOf(bytes: Buffer): string {
  let text = ''
  for (let at = 0; bytes.length >= at + 16 && bytes.readUInt32LE(at) === tags.next;) {
    const length = bytes.readUInt32LE(at + 8)
    text += bytes.toString('utf8', at + 16, at + 16 + length)
    at += 16 + Math.ceil(length / 8) * 8
  }
  return text
}

/** What programs read of a log. */
function tracesOf(log: string): string[] {
  return log
    .split('\n')
    .flatMap((line) => (line.startsWith('@ ') ? [line.replace(/(\.gz) \d+$/, '$1 PID')] : []))
}

/** Readable in a diff. */
function printable(bytes: Buffer): string[] {
  return (
    bytes
      .toString('latin1')
      .match(/[^]{1,8}/g)
      ?.map((word) => JSON.stringify(word)) ?? []
  )
}
