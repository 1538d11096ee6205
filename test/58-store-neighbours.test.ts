// A daemon beside others on the same state: a second one of its own kind, and whoever locks as guix-daemon does.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { openDatabase } from './support/database.ts'
import { holdLock, isLockFree } from './support/record-lock.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeDaemon, TestStore } from './support/store.ts'
import { patienceMs } from './support/until.ts'
import { fileNar, str, WireClient } from './support/wire.ts'

const scratch = new Scratch('store-neighbours')
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** True once `promise` is settled; other connections' calls in between show that the daemon is not stuck. */
function watch(promise: Promise<unknown>): { isOver: boolean } {
  const state = { isOver: false }
  const over = () => void (state.isOver = true)
  promise.then(over, over)
  return state
}

async function askAround(client: WireClient): Promise<void> {
  for (let index = 0; index < 50; index++) await client.isValid('/nowhere/x').catch(() => undefined)
}

describe('a second daemon on the same store', () => {
  it('sees what the first has added, and spares what its clients use', async () => {
    const first = new TestStore(scratch, 'pair')
    await first.start()
    const socket = scratch.file('second.sock')
    const second = spawn(
      process.execPath,
      [storeDaemon, '--store', first.store, '--state', first.state, '--listen', socket],
      { env: environment(), stdio: 'inherit' },
    )
    const [one, other] = [await first.connect(), await openWhenListened(socket)]
    const path = await one.addText('shared', 'shared')
    expect(await other.isValid(path)).toBe(true)
    await expect(other.collect(3, [path])).rejects.toThrow(
      `cannot delete path \`${path}' since it is still alive`,
    )
    // Both make the same item, and many of them, at once.
    const names = Array.from({ length: 100 }, (_, index) => `both-${index}`)
    const add = async (client: WireClient) => {
      const paths: string[] = []
      for (const name of names) paths.push(await client.addText(name, name))
      return paths
    }
    const [ours, theirs] = await Promise.all([add(one), add(other)])
    expect(ours).toEqual(theirs)
    one.close()
    other.close()
    const last = await first.connect()
    for (let gone = false; !gone;) gone = (await last.collect(2)).paths.includes(path)
    // The other daemon's rows are gone with its files.
    expect(await last.verify(true)).toBe(false)
    last.close()
    second.kill()
    await once(second, 'exit')
    await first.stop()
    expect(readdirSync(first.store)).toEqual(['.links'])
  })

  it('comes in while clients of the first add without end, and makes the same items', async () => {
    const first = new TestStore(scratch, 'busy')
    await first.start()
    const work = { isOver: false }
    const added: string[] = []
    const adding = Array.from({ length: 4 }, async (_, index) => {
      const client = await first.connect()
      for (let number = 0; !work.isOver; number++)
        added.push(await client.addText(`${index}-${number}`, 'busy'))
      client.close()
    })
    const socket = scratch.file('late.sock')
    const second = spawn(
      process.execPath,
      [storeDaemon, '--store', first.store, '--state', first.state, '--listen', socket],
      { env: environment(), stdio: 'inherit' },
    )
    const late = await openWhenListened(socket)
    for (let number = 0; number < 50; number++) added.push(await late.addText(`0-${number}`, 'busy'))
    work.isOver = true
    await Promise.all(adding)
    for (const path of new Set(added)) expect(await late.isValid(path)).toBe(true)
    expect(await late.verify(true)).toBe(false)
    late.close()
    second.kill()
    await once(second, 'exit')
    await first.stop()
    expect(readdirSync(first.store).filter((name) => /lock|tmp/.test(name))).toEqual([])
  })

  it('is refused the same socket', async () => {
    const daemon = await startStore(scratch, 'taken')
    const args = [storeDaemon, '--store', daemon.store, '--state', daemon.state]
    const { status, stderr } = spawnSync(process.execPath, args, { env: environment(), encoding: 'utf8' })
    expect([status, stderr]).toEqual([69, expect.stringContaining('another daemon listens there')])
  })
})

describe('daemons that are started together', () => {
  it('where a killed one has left its socket: one takes it, and the others say so', async () => {
    const daemon = new TestStore(scratch, 'together')
    const args = [storeDaemon, '--store', daemon.store, '--state', daemon.state]
    for (let round = 0; round < 4; round++) {
      await daemon.start()
      await daemon.stop('SIGKILL')
      const children = Array.from({ length: 4 }, () =>
        spawn(process.execPath, args, { env: environment(), stdio: 'ignore' }),
      )
      const exits = children.map((child) => once(child, 'exit'))
      let left = children.length
      await new Promise<void>((resolve) => {
        for (const exit of exits) void exit.then(() => --left === 1 && resolve())
      })
      const client = await daemon.connect()
      client.close()
      for (const child of children) child.kill()
      const statuses = (await Promise.all(exits)).map(([status, signal]) => String(status ?? signal)).sort()
      expect(statuses).toEqual(['69', '69', '69', 'SIGTERM'])
      expect(readdirSync(`${daemon.state}/daemon-socket`)).toEqual([])
    }
  })
})

describe('--listen', () => {
  const listen = (path: string) => {
    const folder = mkdtempSync(scratch.file('listen-'))
    const args = [storeDaemon, '--store', join(folder, 'store'), '--state', join(folder, 'state')]
    return spawnSync(process.execPath, [...args, '--listen', path], {
      env: environment(),
      encoding: 'utf8',
    })
  }

  it('leaves what is no socket as it is', () => {
    const file = scratch.file('letter.txt')
    writeFileSync(file, 'Dear all')
    const { status, stderr } = listen(file)
    expect([status, stderr]).toEqual([69, expect.stringContaining(`"${file}": it is no socket`)])
    expect(readFileSync(file, 'utf8')).toBe('Dear all')
  })

  it.each(['', ':', ':44146', '[]:44146'])('does not take %j for every address', (address) => {
    const { status, stderr } = listen(address)
    expect([status, stderr]).toEqual([64, expect.stringContaining('neither a file name nor HOST:PORT')])
  })

  it('takes no name that is too long for a socket, and makes none of a part of it', () => {
    const folder = mkdtempSync(scratch.file('long-'))
    const { status, stderr } = listen(join(folder, 'x'.repeat(100)))
    expect([status, stderr]).toEqual([69, expect.stringContaining("a socket's name has at most 107 bytes")])
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves a link', () => {
    const [file, link] = [scratch.file('other.txt'), scratch.file('link')]
    writeFileSync(file, 'Dear all')
    symlinkSync(file, link)
    expect(listen(link).status).toBe(69)
    expect([readlinkSync(link), readFileSync(file, 'utf8')]).toEqual([file, 'Dear all'])
  })
})

/** The name is there a moment before anybody listens. */
async function openWhenListened(socket: string): Promise<WireClient> {
  const end = performance.now() + patienceMs
  for (;;) {
    try {
      return await WireClient.open(socket)
    } catch (error) {
      if (performance.now() > end) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('locks', () => {
  it('on a path: who adds it waits for the other process, and nobody else does', async () => {
    const daemon = await startStore(scratch, 'path')
    const [client, bystander] = [await daemon.connect(), await daemon.connect()]
    const path = await client.addText('locked', 'locked')
    await client.collect(3, [path])
    const lock = await holdLock(`${path}.lock`, 'exclusive', { removes: true })
    const adding = client.addText('locked', 'locked')
    const state = watch(adding)
    await bystander.addText('free', 'free')
    await askAround(bystander)
    expect(state.isOver).toBe(false)
    await lock.release()
    expect(await adding).toBe(path)
    expect(await bystander.isValid(path)).toBe(true)
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  it('on many paths: a collection reads the store while their adders wait', async () => {
    const daemon = await startStore(scratch, 'paths')
    const bystander = await daemon.connect()
    const names = Array.from({ length: 8 }, (_, index) => `locked-${index}`)
    const paths: string[] = []
    for (const name of names) paths.push(await bystander.addText(name, name))
    await bystander.collect(3, paths)
    const locks = await Promise.all(
      paths.map((path) => holdLock(`${path}.lock`, 'exclusive', { removes: true })),
    )
    const adding = names.map(async (name) => (await daemon.connect()).addText(name, name))
    const state = watch(Promise.race(adding))
    await askAround(bystander)
    expect((await bystander.collect(0)).paths).toEqual([])
    expect(state.isOver).toBe(false)
    for (const lock of locks) await lock.release()
    expect(await Promise.all(adding)).toEqual(paths)
  })

  it('on a path: of a process that waits for this one too', async () => {
    const daemon = await startStore(scratch, 'mutual')
    const client = await daemon.connect()
    const path = await client.addText('locked', 'locked')
    await client.collect(3, [path])
    const waitsFor = `${daemon.state}/temproots/${daemon.pid}`
    const lock = await holdLock(`${path}.lock`, 'exclusive', { removes: true, waitsFor })
    const adding = client.addText('locked', 'locked')
    const state = watch(adding)
    await askAround(await daemon.connect())
    expect(state.isOver).toBe(false)
    await lock.release()
    expect(await adding).toBe(path)
  })

  it('gc.lock: a collector elsewhere is waited for by collections, and by the first temporary root', async () => {
    const daemon = await startStore(scratch, 'gc')
    const [client, adder, bystander] = [
      await daemon.connect(),
      await daemon.connect(),
      await daemon.connect(),
    ]
    await client.call(13)
    await client.int()
    const lock = await holdLock(`${daemon.state}/gc.lock`, 'exclusive')
    const work = [client.collect(2), adder.addText('text', 'text')]
    const states = work.map(watch)
    await askAround(bystander)
    expect(states.map(({ isOver }) => isOver)).toEqual([false, false])
    await lock.release()
    await Promise.all(work)
    expect(client.log).toContain('waiting for the big garbage collector lock...')
    for (const each of [client, adder, bystander]) each.close()
  })

  it('gc.lock: neither the end of the daemon waits for a collector elsewhere, nor a collection whose client has gone', async () => {
    const daemon = await startStore(scratch, 'gone')
    const [client, other] = [await daemon.connect(), await daemon.connect()]
    const path = await client.addText('text', 'text')
    const untilItWaits = async (collector: WireClient) => {
      collector.collect(2).catch(() => undefined)
      while (!collector.log.includes('waiting for the big')) await turn()
    }
    const lock = await holdLock(`${daemon.state}/gc.lock`, 'exclusive')
    await untilItWaits(client)
    const sockets = () =>
      spawnSync('ls', ['-l', `/proc/${daemon.pid}/fd`], { encoding: 'utf8' }).stdout.split('socket:').length
    const before = sockets()
    client.close()
    while (sockets() === before) await turn()
    await lock.release()
    await other.call(13)
    await other.int()
    expect(await other.isValid(path)).toBe(true)
    const again = await holdLock(`${daemon.state}/gc.lock`, 'exclusive')
    await untilItWaits(other)
    expect(await daemon.stop()).toBe('SIGTERM')
    await again.release()
  })

  it("temproots: another process's are spared while it lives, and removed when it is dead", async () => {
    const daemon = await startStore(scratch, 'temproots')
    const client = await daemon.connect()
    const [kept, dead] = [await client.addText('kept', 'kept'), await client.addText('dead', 'dead')]
    const file = `${daemon.state}/temproots/1`
    const lock = await holdLock(file, 'shared', { contents: `${kept}|` })
    expect((await client.collect(2)).paths).toEqual([dead])
    await lock.release()
    expect((await client.collect(2)).paths).toEqual([kept])
    expect(existsSync(file)).toBe(false)
  })

  it('temproots: of a daemon of the same number in another container, which holds it', async () => {
    const daemon = await startStore(scratch, 'namesake')
    const path = `${daemon.store}/${'0'.repeat(32)}-kept`
    writeFileSync(path, 'kept')
    const file = `${daemon.state}/temproots/${daemon.pid}`
    const lock = await holdLock(file, 'shared', { contents: `${path}|` })
    const [client, collector] = [await daemon.connect(), await daemon.connect()]
    expect((await collector.collect(2)).paths).toEqual([])
    const own = await client.addText('own', 'own')
    expect((await collector.collect(2)).paths).toEqual([])
    client.close()
    await lock.release()
    expect((await collector.collect(2)).paths).toEqual([path, own].sort())
    expect(readdirSync(`${daemon.state}/temproots`)).toHaveLength(1)
    await daemon.stop()
    expect(readdirSync(`${daemon.state}/temproots`)).toEqual([])
  })

  it('temproots: who comes finds what was added while nobody was there', async () => {
    const daemon = await startStore(scratch, 'sole')
    const client = await daemon.connect()
    const paths = []
    for (const name of ['one', 'two', 'three']) paths.push(await client.addText(name, name))
    const neighbour = await holdLock(`${daemon.state}/db/big-lock`, 'shared')
    paths.push(await client.addText('four', 'four'))
    const file = `${daemon.state}/temproots/${daemon.pid}`
    expect(readFileSync(file, 'latin1')).toBe(paths.map((path) => `${path}\0`).join(''))
    await neighbour.release()
  })

  it('big-lock is shared for as long as the store is open', async () => {
    const daemon = new TestStore(scratch, 'big')
    await daemon.start()
    ;(await daemon.connect()).close()
    expect(isLockFree(`${daemon.state}/db/big-lock`)).toBe(false)
    await daemon.stop()
    expect(isLockFree(`${daemon.state}/db/big-lock`)).toBe(true)
  })
})

/** As Guix's daemon makes it, from its schema. */
const schema = `
create table ValidPaths (id integer primary key autoincrement not null, path text unique not null, hash text not null, registrationTime integer not null, deriver text, narSize integer);
create table Refs (referrer integer not null, reference integer not null, primary key (referrer, reference), foreign key (referrer) references ValidPaths(id) on delete cascade, foreign key (reference) references ValidPaths(id) on delete restrict);
create index IndexReferrer on Refs(referrer);
create index IndexReference on Refs(reference);
create trigger DeleteSelfRefs before delete on ValidPaths begin delete from Refs where referrer = old.id and reference = old.id; end;
create table DerivationOutputs (drv integer not null, id text not null, path text not null, primary key (drv, id), foreign key (drv) references ValidPaths(id) on delete cascade);
create index IndexDerivationOutputs on DerivationOutputs(path);
create table FailedPaths (path text primary key not null, time integer not null);
`

describe('a database that takes no more', () => {
  it('is no reason to keep what it does not know, nor what only that shares', async () => {
    const daemon = await startStore(scratch, 'refusing')
    const client = await daemon.connect()
    const path = await client.addText('before', 'before')
    const database = openDatabase(`${daemon.state}/db/db.sqlite`)
    database.exec("create trigger refuse before insert on ValidPaths begin select raise(abort, 'full'); end")
    database.close()
    const large = 'x'.repeat(10_000)
    await expect(client.addText('text', large)).rejects.toThrow('full')
    await expect(client.addNar('file', fileNar(large))).rejects.toThrow('full')
    // Of a lock that was just given back, the file stays for a moment.
    while (readdirSync(daemon.store).some((name) => name.startsWith('.tmp-link'))) await turn()
    expect(readdirSync(daemon.store).toSorted()).toEqual(['.links', path.slice(daemon.store.length + 1)])
    expect(readdirSync(`${daemon.store}/.links`)).toEqual([])
  })
})

describe('a database that Guix has made', () => {
  it('is served, and is the same afterwards but for what was added', async () => {
    const daemon = new TestStore(scratch, 'guix')
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    mkdirSync(daemon.store)
    const file = `${daemon.state}/db/db.sqlite`
    const path = `${daemon.store}/${'0'.repeat(32)}-item`
    writeFileSync(path, 'dead')
    const database = openDatabase(file)
    database.pragma('journal_mode = wal')
    database.exec(schema)
    const hash = createHash('sha256').update(fileNar('dead')).digest('hex')
    database.prepare("insert into ValidPaths values (7, ?, 'sha256:' || ?, 1, null, 120)").run(path, hash)
    database.prepare('insert into Refs values (7, 7)').run()
    const made = database.prepare('select * from sqlite_master').all()
    database.close()
    writeFileSync(`${daemon.state}/db/schema`, '7')
    await daemon.start()
    const client = await daemon.connect()
    await client.call(5, str(path))
    expect(await client.list()).toEqual([path])
    expect(await client.verify(true)).toBe(false)
    const added = await client.addText('more', 'more', [path])
    client.close()
    // Somebody else reads it while it is served.
    const script =
      'import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row)'
    const query = 'select path, narSize from ValidPaths order by id'
    const read = spawnSync('python3', ['-c', script, file, query], { encoding: 'utf8' })
    expect(read.stdout).toBe(`${path} 120\n${added} 120\n`)
    await daemon.stop()
    const after = openDatabase(file, { readonly: true })
    expect(after.prepare('select * from sqlite_master').all()).toEqual(made)
    expect(after.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(after.pragma('journal_mode', { simple: true })).toBe('wal')
    after.close()
  })

  it.each([
    ['8', 'current store schema is version 8, but I only support 7'],
    ['6', 'Your store database uses an implausibly old schema, version 6.'],
  ])('is refused when its schema is %s, and not touched', async (version, words) => {
    const daemon = new TestStore(scratch, `schema-${version}`)
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    writeFileSync(`${daemon.state}/db/schema`, version)
    await expect(daemon.start()).rejects.toThrow(words)
    expect(await daemon.stop()).toBe('SIGTERM')
    expect(readdirSync(`${daemon.state}/db`)).toEqual(['schema'])
  })
})

describe('a socket that somebody else has opened', () => {
  it.each([
    ['systemd', 3, 'os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")'],
    ['s6', 0, 'pass'],
  ])('is taken from %s, on descriptor %i', async (name, descriptor, prepare) => {
    const folder = scratch.file(`passed-${name}`)
    const socket = scratch.file(`${name}.sock`)
    const args = `--store ${folder}/store --state ${folder}/state`
    const script = `
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind("${socket}"); s.listen(5)
os.dup2(s.fileno(), ${descriptor}); os.set_inheritable(${descriptor}, True)
${prepare}
print("bound", flush=True)
os.execv("${process.execPath}", ["node", "${storeDaemon}", *"${args}".split()])`
    const child = spawn('python3', ['-c', script], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    // The socket listens: the connection waits in its queue until the daemon takes it.
    const asking = spawn('nc', ['-N', '-U', socket], { stdio: ['pipe', 'pipe', 'inherit'] })
    asking.stdin.end('{"type":"ping"}\n')
    expect(JSON.parse(await text(asking.stdout))).toMatchObject({ type: 'pong', store: `${folder}/store` })
    // Its own socket is then not opened, and the one it was given is left in its place.
    expect(existsSync(`${folder}/state/daemon-socket`)).toBe(false)
    child.kill()
    await once(child, 'exit')
    expect(existsSync(socket)).toBe(true)
    rmSync(socket)
  })
})
