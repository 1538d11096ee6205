// Users: a daemon without privileges, what its owner, root and others may do there, and connections in great number.
import { spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { startStore, storeDaemon, TestStore } from './support/store.ts'
import { fileNar, int, str } from './support/wire.ts'

const scratch = new Scratch('store-users')
const [owner, other] = [65534, 65533]
const chainLength = Number(process.env['CHAIN_LENGTH'] ?? 300)
const as = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
const canRun =
  process.getuid?.() === 0 &&
  spawnSync('setpriv', [...as(owner).slice(1), 'test', '-r', storeDaemon]).status === 0

async function ask(
  daemon: TestStore,
  uid: number,
  ...requests: object[]
): Promise<Record<string, unknown>[]> {
  const [command = '', ...args] = [...as(uid), 'nc', '-N', '-U', daemon.socket]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''))
  const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe.skipIf(!canRun)('a daemon of a user', () => {
  it('serves everybody, is repaired by its owner and by root, and is written by nobody else', async () => {
    const daemon = new TestStore(scratch, 'own', { prefix: as(owner) })
    chownSync(daemon.folder, owner, owner)
    await daemon.start()
    const request = { type: 'add-text', name: 'text', text: 'text' }
    const paths = await Promise.all([owner, other, 0].map((uid) => ask(daemon, uid, request)))
    const [path = ''] = paths.map(([answer]) => answer?.['path'] as string)
    expect(paths).toEqual([owner, other, 0].map(() => [{ type: 'path', path }]))
    expect([lstatSync(path).uid, lstatSync(path).mode & 0o7777]).toEqual([owner, 0o444])
    const repair = { type: 'verify', contents: true, repair: true }
    const ends = await Promise.all([owner, 0].map((uid) => ask(daemon, uid, repair)))
    for (const answers of ends) expect(answers.at(-1)).toMatchObject({ type: 'end', ok: true })
    expect(await ask(daemon, other, repair)).toMatchObject([
      { type: 'error', message: 'you are not privileged to repair paths' },
    ])
    for (const place of [path, `${daemon.store}/x`, `${daemon.state}/x`, `${daemon.state}/db/db.sqlite`]) {
      const [command = '', ...args] = [...as(other), 'sh', '-c', 'echo x >>"$1"', 'sh', place]
      expect([place, spawnSync(command, args, { stdio: 'ignore' }).status]).not.toEqual([place, 0])
    }
    await daemon.stop()
  })

  it("cannot be made to read what only root can, and does not tell others a file's contents", async () => {
    const daemon = new TestStore(scratch, 'read', { prefix: as(owner) })
    chownSync(daemon.folder, owner, owner)
    await daemon.start()
    const secret = scratch.file('secret')
    writeFileSync(secret, 'secret', { mode: 0o600 })
    const answers = await ask(
      daemon,
      0,
      { type: 'add-root', link: secret },
      { type: 'roots' },
      { type: 'path-info', path: secret },
      { type: 'gc', action: 'live' },
    )
    expect(answers.filter(({ type }) => type === 'root')).toEqual([
      { type: 'root', link: secret, path: null },
    ])
    expect(answers.filter(({ type }) => type === 'error')).toMatchObject([{ code: 'NOT_IN_STORE' }])
    await daemon.stop()
  })
})

describe('a daemon that is started with other limits', () => {
  it('has the same modes, whatever the umask', async () => {
    const prefix = ['sh', '-c', 'umask 077; exec "$@"', 'sh']
    const daemon = await startStore(scratch, 'umask', { prefix })
    const client = await daemon.connect()
    const paths = [await client.addText('text', 'text'), await client.addNar('file', fileNar('file'))]
    expect(paths.map((path) => lstatSync(path).mode & 0o7777)).toEqual([0o444, 0o444])
    const made = ['db', 'db/db.sqlite', 'gcroots', 'profiles/per-user'].map(
      (name) => `${daemon.state}/${name}`,
    )
    expect(made.map((path) => lstatSync(path).mode & 0o7777)).toEqual([0o755, 0o644, 0o755, 0o755])
  })

  it('takes no more connections than it has descriptors for, and goes on working', async () => {
    const daemon = new TestStore(scratch, 'limit', { prefix: ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh'] })
    await daemon.start()
    const client = await daemon.connect()
    const sockets = Array.from({ length: 400 }, () => connect(daemon.socket))
    const closed = sockets.map((socket) => once(socket.on('error', () => undefined).resume(), 'close'))
    // Some are let in and wait, the others are closed at once.
    await Promise.race(closed)
    expect(await client.isValid(await client.addText('text', 'text'))).toBe(true)
    expect(await client.verify(true)).toBe(false)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
    client.close()
    expect([await daemon.stop(), daemon.stderr]).toEqual(['SIGTERM', ''])
  })
})

describe.skipIf(process.getuid?.() !== 0)('a store that is mounted read-only', () => {
  it('is written by its daemon, and by nobody beside it', async () => {
    const store = scratch.file('read-only')
    mkdirSync(store)
    const mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro,nosuid "$0"'
    const beside = '{ touch "$0/beside" 2>/dev/null; test $? != 0; }'
    const prefix = ['unshare', '--mount', 'sh', '-c', `${mount} && ${beside} && exec "$@"`, store]
    const daemon = await startStore(scratch, 'mounted', { prefix, store })
    const client = await daemon.connect()
    const paths = [await client.addText('text', 'text'), await client.addNar('file', fileNar('file'))]
    expect((await client.collect(3, paths)).paths).toEqual(paths.toSorted())
    expect(readdirSync(store)).toEqual(['.links'])
    const mounts = readFileSync(`/proc/${daemon.pid}/mounts`, 'utf8').split('\n')
    expect(mounts.find((line) => line.includes(` ${store} `))).toMatch(/ rw,nosuid,/)
  })
})

describe('verify', () => {
  it('goes on after a path, and finds what comes behind it', async () => {
    const daemon = await startStore(scratch, 'from')
    const client = await daemon.connect()
    const paths: string[] = []
    for (let index = 0; index < 20; index++) paths.push(await client.addText(`t${index}`, `t ${index}`))
    paths.sort()
    const [middle = '', last = ''] = [paths[10], paths[19]]
    for (const path of [paths[3] ?? '', last]) {
      rmSync(path)
      writeFileSync(path, 'else')
    }
    const verifyFrom = async (from: string) => {
      client.log = ''
      const options = [0, 0, 0, 1, 1, 0, 0, 0, 1, 1].map(int)
      await client.call(19, ...options, str('verify-from'), str(from))
      const errors = await client.verify(true)
      return [errors, (client.log.match(/was modified/g) ?? []).length]
    }
    expect(await verifyFrom('')).toEqual([true, 2])
    expect(await verifyFrom(middle)).toEqual([true, 1])
    expect(await verifyFrom(last)).toEqual([false, 0])
    // After them nothing would be looked at.
    for (const from of ['zzz', `${daemon.store}/zzz`, '/zzz'])
      await expect(verifyFrom(from)).rejects.toThrow(`cannot go on after \`${from}'`)
  })
})

describe('items that have disappeared', () => {
  it('with the whole store, as when it is not mounted any more, are not forgotten', async () => {
    const daemon = await startStore(scratch, 'unmounted')
    const client = await daemon.connect()
    const path = await client.addText('text', 'text')
    renameSync(daemon.store, `${daemon.store}.away`)
    mkdirSync(daemon.store)
    await expect(client.verify(false)).rejects.toThrow(
      `directory \`${daemon.store}' is not the store that was opened`,
    )
    rmSync(daemon.store, { recursive: true })
    renameSync(`${daemon.store}.away`, daemon.store)
    expect([await client.isValid(path), await client.verify(true)]).toEqual([true, false])
  })

  it('are forgotten with all that refer to them, however long the chain; not while one of them is there', async () => {
    const daemon = await startStore(scratch, 'disappeared')
    const client = await daemon.connect()
    const chain: string[] = []
    for (let index = 0; index < chainLength; index++)
      chain.push(await client.addText(`c${index}`, `c ${index}`, chain.slice(-1)))
    const [first = '', last = ''] = [chain[0], chain.at(-1)]
    for (const path of chain.slice(0, -1)) rmSync(path)
    expect(await client.verify(false)).toBe(true)
    expect(client.log).toContain(`path \`${first}' disappeared, but it still has valid referrers!`)
    expect(await client.isValid(first)).toBe(true)
    rmSync(last)
    expect(await client.verify(false)).toBe(false)
    await client.call(23)
    expect(await client.list()).toEqual([])
  })
})

describe('connections', () => {
  it('that go while their work tells of itself take nothing with them', async () => {
    const daemon = new TestStore(scratch, 'gone')
    await daemon.start()
    const client = await daemon.connect()
    // As much as keeps both threads busy for a while.
    for (let index = 0; index < 100; index++)
      await client.addNar(`large-${index}`, fileNar(Buffer.alloc(2_000_000, String(index))))
    for (let round = 0; round < 5; round++) {
      const socket = connect(daemon.socket)
      socket.write('{"type":"verify","contents":true}\n')
      await once(socket, 'data')
      socket.destroy()
    }
    expect(await client.verify(true)).toBe(false)
    client.close()
    expect([await daemon.stop(), daemon.stderr]).toEqual(['SIGTERM', ''])
  })

  it('leave no descriptor, however and whenever they end', async () => {
    const daemon = await startStore(scratch, 'many')
    const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length
    const greeting = Buffer.concat([int(0x6e697863), int(0x163), int(0), int(1)])
    const nar = fileNar(Buffer.alloc(50_000))
    const endings: readonly (readonly [Buffer, 'end' | 'destroy'])[] = [
      [Buffer.alloc(0), 'end'],
      [Buffer.from('{'), 'destroy'],
      [Buffer.from('{"type":"ping"}\n'), 'end'],
      [greeting.subarray(0, 12), 'destroy'],
      [greeting, 'end'],
      [Buffer.concat([greeting, int(8), str('x'), int(1000)]), 'destroy'],
      [
        Buffer.concat([greeting, int(7), str('x'), int(1), int(1), str('sha256'), nar.subarray(0, 30_000)]),
        'destroy',
      ],
      [Buffer.concat([greeting, int(999)]), 'end'],
      [Buffer.concat([greeting, int(20), int(1)]), 'destroy'],
    ]
    const use = async ([bytes, how]: (typeof endings)[number]) => {
      const socket = connect(daemon.socket)
      socket.on('error', () => socket.destroy()).resume()
      const closed = once(socket, 'close')
      socket.write(bytes, () => {
        if (how === 'end') socket.end()
        else socket.destroy()
      })
      await closed
    }
    const client = await daemon.connect()
    // Threads and the store's own files are opened once.
    await Promise.all(endings.map(use))
    await client.addNar('warm', nar)
    const before = descriptors()
    for (let round = 0; round < 20; round++) await Promise.all(endings.map(use))
    // What they began is undone, and then as many are open as before.
    const leftovers = () => readdirSync(daemon.store).filter((name) => !/^\.links$|-warm$/.test(name))
    while (descriptors() > before || leftovers().length > 0) await client.isValid(`${daemon.store}/x`)
    expect(descriptors()).toBeLessThanOrEqual(before)
  })
})
