// What a hostile client can send: the daemon neither crashes nor hangs nor grows, and others are served meanwhile.
//   FUZZ_COUNT=1000000 vitest run test/52-store-hostile.test.ts
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { root } from './support/shell.ts'
import { startStore, TestStore } from './support/store.ts'
import { fileNar, int, list, str } from './support/wire.ts'

const count = Number(process.env['FUZZ_COUNT'] ?? 4000)
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
const scratch = new Scratch('store-hostile')
const maxPerConnection = 20
const maxMegabytes = 300

/** mulberry32: small, and the same numbers for the same seed. */
function makeRandom(state: number): () => number {
  let a = state
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = makeRandom(seed)
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T

function mutate(bytes: Buffer): Buffer {
  let result = Buffer.from(bytes)
  for (let times = 1 + Math.floor(random() * 3); times > 0; times--) {
    const at = Math.floor(random() * result.length)
    switch (Math.floor(random() * 7)) {
      case 0:
        result[at] = Math.floor(random() * 256)
        break
      case 1:
        result = result.subarray(0, at)
        break
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + Math.floor(random() * 16))])
        break
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(Math.max(0, at - 64))])
        break
      case 4:
        // A length, a count, a number: anything that is a multiple of eight into it.
        if (result.length >= 8)
          result.writeBigUInt64LE(pick(numbers), (at >> 3) * 8 > result.length - 8 ? 0 : (at >> 3) * 8)
        break
      case 5:
        result = Buffer.concat([result.subarray(0, at), pick(corpus), result.subarray(at)])
        break
      default:
        if (result.length > 0) result[at] = (result[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    }
  }
  return result
}

const numbers = [
  0n,
  1n,
  7n,
  255n,
  256n,
  65536n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 63n,
  2n ** 64n - 1n,
]
let corpus: Buffer[] = []

const helloPath = (daemon: TestStore) => `${daemon.store}/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello`
const derivation = (path: string) =>
  `Derive([("out","${path}","","")],[],[],"x","/bin/sh",[],[("out","${path}")])`

function makeCorpus(daemon: TestStore): Buffer[] {
  const path = helloPath(daemon)
  const drv = derivation(path)
  const tree = [
    'nix-archive-1',
    '(',
    'type',
    'directory',
    'entry',
    '(',
    'name',
    'a',
    'node',
    '(',
    'type',
    'symlink',
    'target',
    'x',
    ')',
    ')',
    ')',
  ]
  const nar = Buffer.concat(tree.map(str))
  const calls = [
    ...[1, 3, 4, 5, 6, 10, 11, 12, 16, 18, 21, 22, 26, 28, 33].map((op) =>
      Buffer.concat([int(op), str(path), int(0)]),
    ),
    Buffer.concat([int(7), str('x'), int(1), int(1), str('sha256'), fileNar('hello')]),
    Buffer.concat([int(7), str('x'), int(1), int(0), str('md5'), fileNar(Buffer.alloc(9000))]),
    Buffer.concat([int(7), str('x'), int(1), int(1), str('sha1'), nar]),
    Buffer.concat([int(8), str('x'), str('text'), list([path])]),
    Buffer.concat([int(8), str('x.drv'), str(drv), list([])]),
    Buffer.concat([int(19), ...[0, 0, 0, 1, 1, 0, 0, 0, 1, 1].map(int), str('build-cores'), str('1')]),
    Buffer.concat([int(20), int(1), list([path]), int(0), int(0), int(0), int(0), int(0)]),
    Buffer.concat([int(25), list(['*'])]),
    Buffer.concat([
      int(27),
      str(Buffer.concat([int(1), nar, int(0x4558494e), str(path), list([]), str(''), int(0)])),
    ]),
    Buffer.concat([int(29), str('26b8xvbkhrfwsi2kbr0yk5symm00w4b7')]),
    Buffer.concat([int(31), list([path, path])]),
    Buffer.concat([int(35), int(0), int(0)]),
    ...[13, 14, 23, 24, 80].map(int),
  ]
  const recorded = readdirSync(`${root}/test/vectors/store-transcripts`).flatMap((file) => {
    const { events } = JSON.parse(readFileSync(`${root}/test/vectors/store-transcripts/${file}`, 'utf8')) as {
      events: { dir: string; offset: number; hex: string }[]
    }
    return events
      .filter(({ dir, offset }) => dir === 'c2s' && offset >= 32)
      .map(({ hex }) => Buffer.from(hex, 'hex'))
  })
  return [...calls, ...recorded.filter(({ length }) => length < 4000)]
}

/** Calls whose frames are right and whose contents are not: the connection survives them. */
function makeContents(daemon: TestStore): Buffer {
  const [path, options] = [helloPath(daemon), [0, 0, 0, 1, 1, 0, 0, 0, 1, 1].map(int)]
  const text = (whole: string) => str(mutate(Buffer.from(whole)).subarray(0, 4000))
  switch (Math.floor(random() * 8)) {
    case 0:
      return Buffer.concat([int(1), text(path)])
    case 1:
      return Buffer.concat([int(12), text('/nowhere/root')])
    case 2:
      return Buffer.concat([int(19), ...options, text('build-cores'), text('1')])
    case 3:
      return Buffer.concat([int(29), text('26b8xvbkhrfwsi2kbr0yk5symm00w4b7')])
    case 4:
      return Buffer.concat([int(8), text('name'), str('text'), list([])])
    default:
      return Buffer.concat([int(8), str('x.drv'), text(derivation(path)), list([])])
  }
}

const greeting = Buffer.concat([int(0x6e697863), int(0x163), int(0), int(1)])
const records = (daemon: TestStore) => [
  ...['valid-path', 'path-info', 'references', 'requisites', 'why', 'add-temp-root'].map(
    (type) => `{"type":"${type}","path":"${daemon.store}/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello"}\n`,
  ),
  '{"type":"add-text","name":"x","text":"y","references":[]}\n',
  '{"type":"gc","action":"dead","max_freed_bytes":5}\n',
  '{"type":"verify","contents":true,"id":"7"}\n',
  '{"type":"roots"}\n',
]

/** Sends it all, says that there is no more, and waits for the daemon to close. */
async function send(daemon: TestStore, parts: readonly Buffer[]): Promise<void> {
  const socket = connect(daemon.socket)
  socket.on('error', () => socket.destroy())
  socket.resume()
  const closed = once(socket, 'close').catch(() => undefined)
  for (const part of parts) if (!socket.destroyed) socket.write(part)
  socket.end()
  await closed
}

function megabytes(daemon: TestStore): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

describe(`hostile input (FUZZ_SEED=${seed})`, () => {
  it(
    `${count} mutated frames, nars, derivations and records`,
    async () => {
      const daemon = new TestStore(scratch, 'fuzz')
      await daemon.start()
      corpus = [...makeCorpus(daemon), ...records(daemon).map((line) => Buffer.from(line))]
      const frames = makeCorpus(daemon)
      const lines = records(daemon).map((line) => Buffer.from(line))
      let largest = 0
      let sent = 0
      const attack = { isOver: false }
      const bystander = (async () => {
        const client = await daemon.connect()
        const path = await client.addText('bystander', 'is served')
        let asked = 0
        for (; !attack.isOver; asked++) {
          expect(await client.isValid(path)).toBe(true)
          largest = Math.max(largest, megabytes(daemon))
          await new Promise((resolve) => setImmediate(resolve))
        }
        client.close()
        return asked
      })()
      const attacker = async () => {
        while (sent < count) {
          const several = 1 + Math.floor(random() * maxPerConnection)
          sent += several
          if (random() < 0.2) {
            const parts = Array.from({ length: several }, () => mutate(pick(lines)))
            await send(
              daemon,
              parts.map((part) => Buffer.concat([part, Buffer.from('\n')])),
            )
          } else {
            // What comes after a frame that is wrong is not read any more: it is the last.
            const parts = Array.from({ length: several - 1 }, () => makeContents(daemon))
            await send(daemon, [greeting, ...parts, mutate(pick(frames))])
          }
        }
      }
      await Promise.all(Array.from({ length: 4 }, attacker))
      attack.isOver = true
      expect(await bystander).toBeGreaterThan(0)
      expect(largest).toBeLessThan(maxMegabytes)
      const client = await daemon.connect()
      expect(await client.verify(true)).toBe(false)
      await client.collect(2)
      client.close()
      expect(await daemon.stop()).toBe('SIGTERM')
      expect(daemon.stderr).toBe('')
    },
    60_000 + count * 5,
  )

  it('a nar without end, a million directories deep, does not grow', async () => {
    const daemon = await startStore(scratch, 'deep')
    const level = Buffer.concat(['(', 'type', 'directory', 'entry', '(', 'name', 'a', 'node'].map(str))
    const head = Buffer.concat([
      greeting,
      int(7),
      str('x'),
      int(1),
      int(1),
      str('sha256'),
      str('nix-archive-1'),
    ])
    await send(daemon, [
      head,
      ...Array.from({ length: 1000 }, () => Buffer.concat(Array(100).fill(level) as Buffer[])),
    ])
    expect(megabytes(daemon)).toBeLessThan(maxMegabytes)
    const client = await daemon.connect()
    // Nothing is left of it.
    expect((await client.collect(1)).paths).toEqual([])
  })

  it('a client that promises 4 GB and sends nothing takes no memory', async () => {
    const daemon = await startStore(scratch, 'promise')
    await send(daemon, [greeting, int(8), str('x'), int(2 ** 32 - 1), Buffer.alloc(100)])
    await send(daemon, [greeting, int(5), int(2 ** 32 - 1)])
    await send(daemon, [greeting, int(31), int(2 ** 32 - 1), str('x')])
    expect(megabytes(daemon)).toBeLessThan(150)
  })

  it('a client that vanishes in a nar leaves nothing', async () => {
    const daemon = await startStore(scratch, 'vanish')
    const client = await daemon.connect()
    const nar = fileNar(Buffer.alloc(3_000_000))
    client.socket.write(
      Buffer.concat([int(7), str('x'), int(1), int(1), str('sha256'), nar.subarray(0, 2_000_000)]),
    )
    // Its file is there, and then it is gone with the client.
    while (readdirSync(daemon.store).length < 2) await new Promise((resolve) => setImmediate(resolve))
    client.close()
    while (readdirSync(daemon.store).length > 1) await new Promise((resolve) => setImmediate(resolve))
    expect(readdirSync(`${daemon.store}/.links`)).toEqual([])
  })
})
