// What a daemon says of a place where it cannot work, and what it does not do whoever asks.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { holdLock } from './support/record-lock.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeCli, storeDaemon, TestStore } from './support/store.ts'
import { fileNar, list, int, str } from './support/wire.ts'

const scratch = new Scratch('store-refusals')
const isRoot = process.getuid?.() === 0
const nobody = 65534
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']

/** In a mount namespace in which `place` is a tmpfs. */
function withMount(place: string, options: string): string[] {
  mkdirSync(place, { recursive: true })
  return ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o ${options} none "$0" && exec "$@"`, place]
}

describe('a collection', () => {
  it('deletes nothing but items, by whatever name', async () => {
    const daemon = await startStore(scratch, 'dots')
    writeFileSync(`${daemon.folder}/beside`, '')
    for (const name of ['.', '..']) {
      const client = await daemon.connect()
      const place = `${daemon.store}/${name}`
      client.socket.write(Buffer.concat([int(20), int(3), list([place])]))
      await expect(client.reply()).rejects.toThrow(`path \`${place}' is not in the store`)
    }
    const client = await daemon.connect()
    // What another daemon is making is a root there, and its lock not to be taken away.
    const making = { contents: `${daemon.store}/made|` }
    const lock = await holdLock(`${daemon.state}/temproots/1`, 'shared', making)
    writeFileSync(`${daemon.store}/made.lock`, '')
    const wanted = ['.links', 'made.lock', 'absent'].map((name) => `${daemon.store}/${name}`)
    expect((await client.collect(3, wanted)).paths).toEqual([])
    expect([readdirSync(daemon.store), readdirSync(daemon.folder)]).toEqual([
      ['.links', 'made.lock'],
      ['beside', 'state', 'store'],
    ])
    await lock.release()
  })

  it('that only lists deletes nothing, whatever paths are given; nor is what is no base64 taken for text', async () => {
    const daemon = await startStore(scratch, 'records')
    const client = await daemon.connect()
    const path = await client.addText('text', 'text')
    client.close()
    const requests = [
      { type: 'gc', action: 'live', paths: [path] },
      { type: 'gc', action: 'dead', paths: [path] },
      { type: 'add-text', name: 'x', text_base64: '***' },
    ]
    const { stdout } = spawnSync('nc', ['-N', '-U', daemon.socket], {
      input: requests.map((request) => `${JSON.stringify(request)}\n`).join(''),
      encoding: 'utf8',
    })
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(answers.map(({ type }) => type)).toEqual(['error', 'error', 'error'])
    expect(readdirSync(daemon.store).sort()).toEqual(['.links', basename(path)].sort())
  })

  it('is not kept from its work by the name that somebody has given for a root', async () => {
    const daemon = await startStore(scratch, 'names')
    const client = await daemon.connect()
    symlinkSync('loop', `${daemon.folder}/loop`)
    const path = await client.addText('text', 'text')
    for (const name of [`${daemon.folder}/loop/x`, `/${'a'.repeat(300)}/x`]) {
      await client.call(12, str(name))
      await client.int()
      expect((await client.collect(1)).paths).toEqual([path])
    }
    expect(readdirSync(`${daemon.state}/gcroots/auto`)).toEqual([])
  })
})

describe('a daemon that is started', () => {
  it('with another state than that of the store leaves the store as it is', async () => {
    const right = await startStore(scratch, 'right')
    const client = await right.connect()
    const path = await client.addText('text', 'x'.repeat(10_000))
    client.close()
    await right.stop()
    for (let times = 0; times < 2; times++) {
      const wrong = await startStore(scratch, 'wrong', { store: right.store })
      const other = await wrong.connect()
      // Behind what it does when it starts.
      await other.call(13)
      await other.int()
      expect(await other.isValid(path)).toBe(false)
      await wrong.stop()
    }
    expect(statSync(path).size).toBe(10_000)
    await right.start()
    const again = await right.connect()
    expect([await again.isValid(path), await again.verify(true)]).toEqual([true, false])
    await right.stop()
  })

  it('with a state of any name works there as everywhere', async () => {
    const store = scratch.file('plain')
    const daemon = await startStore(scratch, 'zustände 状態', { store })
    const client = await daemon.connect()
    const [kept, own] = [await client.addText('kept', 'kept'), await client.addText('own', 'own')]
    const dead = await client.addText('dead', 'dead')
    symlinkSync(own, `${daemon.state}/gcroots/größe`)
    symlinkSync(kept, `${daemon.folder}/link`)
    await client.call(12, str(`${daemon.folder}/link`))
    await client.int()
    expect((await client.collect(2)).paths).toEqual([dead])
    await client.call(14)
    const count = await client.int()
    const roots: string[] = []
    for (let index = 0; index < 2 * count; index++) roots.push(await client.str())
    expect(roots).toEqual([`${daemon.folder}/link`, kept, `${daemon.state}/gcroots/größe`, own])
    await daemon.stop()
    await daemon.start()
    expect(await (await daemon.connect()).verify(true)).toBe(false)
  })

  it.each([
    ['/', scratch.file('state')],
    ['', scratch.file('state')],
    [scratch.file('store'), ''],
    [scratch.file('both'), scratch.file('both')],
    [scratch.file('store'), `${scratch.file('store')}/var/../state`],
    [scratch.file('größe'), scratch.file('state')],
  ])('with store %j and state %j uses neither', (store, state) => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [storeDaemon, '--stdio', '--store', store, '--state', state],
      { input: '{"type":"ping"}\n', encoding: 'utf8', env: environment() },
    )
    expect([status, stderr]).toEqual([78, expect.stringContaining('Cannot use')])
    expect(existsSync('/.links')).toBe(false)
  })
})

describe('a client', () => {
  it('fills no memory with roots of names that no file can have, and is told of a name that is too long', async () => {
    const daemon = await startStore(scratch, 'long')
    const client = await daemon.connect()
    const ask = async (name: string) => {
      await client.call(11, str(`${daemon.store}/${name}`))
      expect(await client.int()).toBe(1)
    }
    const lines = () => readFileSync(`${daemon.state}/temproots/${daemon.pid}`, 'latin1').split('\0')
    // Another daemon has to see them at once.
    const neighbour = await holdLock(`${daemon.state}/db/big-lock`, 'shared')
    await ask('a'.repeat(255))
    await ask('b'.repeat(256))
    await ask('c'.repeat(3000))
    expect(lines()).toEqual([`${daemon.store}/${'a'.repeat(255)}`, ''])
    await neighbour.release()
    await client.call(12, str(`/${'d'.repeat(4094)}`))
    await client.int()
    await expect(client.call(12, str(`/${'d'.repeat(4095)}`))).rejects.toThrow(
      /^a file name of more than 4095 bytes$/,
    )
  })

  it('reads names in messages as they are', async () => {
    const daemon = await startStore(scratch, 'größe', { store: scratch.file('messages') })
    const client = await daemon.connect()
    mkdirSync(`${daemon.state}/temproots/99`)
    const unreadable = `cannot read temporary roots \`${daemon.state}/temproots/99': is a directory`
    await expect(client.collect(2)).rejects.toThrow(unreadable)
    await expect(client.addText('größe', 'text')).rejects.toThrow("in name `größe'")
    const { stdout } = spawnSync('nc', ['-N', '-U', daemon.socket], {
      input: '{"type":"gc","action":"dead"}\n{"type":"add-text","name":"größe","text":"text"}\n',
      encoding: 'utf8',
    })
    expect(stdout).toContain(`"message":"${unreadable}"`)
    expect(stdout).toContain("in name `größe'")
  })
})

it('a state whose name is no text is not taken for another', () => {
  const place = scratch.file('bytes')
  const line = 'exec "$0" "$1" --stdio --store "$2/store" --state "$2/$(printf "gr\\366\\337e")"'
  const { status, stderr } = spawnSync('sh', ['-c', line, process.execPath, storeDaemon, place], {
    input: '{"type":"ping"}\n',
    encoding: 'utf8',
    env: environment(),
  })
  expect([status, stderr]).toEqual([
    78,
    `store-daemon: Cannot use directory "${place}/gr\\xf6\\xdfe": its name is not UTF-8\n`,
  ])
  expect(existsSync(place)).toBe(false)
})

describe.skipIf(!isRoot)('a daemon', () => {
  it('says which file of the database it cannot write', async () => {
    const first = await startStore(scratch, 'database')
    const known = await first.connect()
    await known.addText('known', 'known')
    await first.stop()
    execFileSync('chown', ['-R', String(nobody), first.folder])
    const file = `${first.state}/db/db.sqlite`
    chownSync(file, 0, 0)
    const daemon = await startStore(scratch, 'database', { prefix: asNobody })
    const client = await daemon.connect()
    await expect(client.addText('new', 'new')).rejects.toThrow(
      `cannot use database \`${file}': the daemon cannot write to \`${file}' (permission denied)`,
    )
    expect(readdirSync(daemon.store)).toHaveLength(2)
  })

  it('says that the database is damaged', async () => {
    const daemon = new TestStore(scratch, 'damaged')
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    writeFileSync(`${daemon.state}/db/schema`, '7')
    writeFileSync(`${daemon.state}/db/db.sqlite`, 'x'.repeat(10_000))
    await expect(daemon.start()).rejects.toThrow(
      `cannot use database \`${daemon.state}/db/db.sqlite': it is damaged, or no database`,
    )
  })

  it('holds nothing open for clients whom it cannot serve', async () => {
    const daemon = new TestStore(scratch, 'locked', { prefix: asNobody })
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    writeFileSync(`${daemon.state}/gc.lock`, '')
    chmodSync(`${daemon.state}/gc.lock`, 0o600)
    for (const path of [daemon.folder, daemon.state, `${daemon.state}/db`]) chownSync(path, nobody, nobody)
    const refused = `cannot open \`${daemon.state}/gc.lock': permission denied`
    await expect(daemon.start()).rejects.toThrow(refused)
    const { stdout } = spawnSync('ls', ['-l', `/proc/${daemon.pid}/fd`], { encoding: 'utf8' })
    expect(stdout).toContain('socket:')
    expect(stdout).not.toContain(`${daemon.state}/db`)
  })

  it('says that a file system is read-only', async () => {
    const place = scratch.file('read-only')
    const options = { store: `${place}/gnu/store`, prefix: withMount(place, 'ro') }
    const daemon = new TestStore(scratch, 'erofs', options)
    await expect(daemon.start()).rejects.toThrow(
      `cannot make directory \`${place}/gnu': read-only file system`,
    )
  })

  it('says for which file there was no space, and leaves nothing of it', async () => {
    const place = scratch.file('small')
    const daemon = await startStore(scratch, 'enospc', {
      store: `${place}/store`,
      prefix: withMount(place, 'size=2m'),
    })
    const client = await daemon.connect()
    await expect(client.addNar('large', fileNar(Buffer.alloc(8_000_000)))).rejects.toThrow(
      /^writing to file `\S+\/small\/store\/tmp-unpack-\S+': no space left on device$/,
    )
    const other = await daemon.connect()
    const path = await other.addNar('less', fileNar(Buffer.alloc(1_500_000)))
    expect(statSync(`/proc/${daemon.pid}/root${path}`).size).toBe(1_500_000)
  })

  it.each(['store-cli', 'records'])('makes room on a full disk for %s', async (who) => {
    const place = scratch.file(`full-${who === 'store-cli'}`)
    const daemon = await startStore(scratch, who, {
      store: `${place}/store`,
      prefix: withMount(place, 'size=10m'),
      env: { GUIX_DATABASE_DIRECTORY: `${place}/db` },
    })
    const client = await daemon.connect()
    const paths: string[] = []
    for (let index = 0; index < 50; index++) paths.push(await client.addText(`t${index}`, `t ${index}`))
    client.close()
    const there = `/proc/${daemon.pid}/root${place}`
    // Whole blocks, until not one is left.
    const filled = spawnSync('dd', ['if=/dev/zero', `of=${there}/filling`, 'bs=4k'], { encoding: 'utf8' })
    expect(filled.stderr).toContain('No space left on device')
    expect(statSync(`${there}/db/reserved`).size).toBe(8 * 1024 * 1024)
    const [command = '', ...args] =
      who === 'store-cli' ? [process.execPath, storeCli, 'gc'] : ['nc', '-N', '-U', daemon.socket]
    const { stdout } = spawnSync(command, args, {
      input: '{"type":"gc"}\n',
      encoding: 'utf8',
      env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
    })
    const end = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as object
    expect(end).toMatchObject({ type: 'end', ok: true, counts: { paths: paths.length } })
    expect(readdirSync(`${there}/store`)).toEqual(['.links'])
  })

  it('serves where there is neither /proc nor a list of users, and collects nothing that it cannot see', async () => {
    const bare = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount --bind "$0" /etc && mount --bind "$0" /proc && exec "$@"',
    ]
    mkdirSync(scratch.file('nothing'))
    const daemon = await startStore(scratch, 'bare', { prefix: [...bare, scratch.file('nothing')] })
    const client = await daemon.connect()
    const path = await client.addText('text', 'text')
    expect(await client.isValid(path)).toBe(true)
    await expect(client.collect(2)).rejects.toThrow('/proc is not mounted')
    expect(await client.isValid(path)).toBe(true)
  })

  it('serves where the list of users cannot be read', async () => {
    const folder = scratch.file('no-list')
    mkdirSync(`${folder}/passwd`, { recursive: true })
    const prefix = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc && exec "$@"', folder]
    const daemon = await startStore(scratch, 'unreadable', { prefix })
    const client = await daemon.connect()
    expect(await client.isValid(await client.addText('text', 'text'))).toBe(true)
  })

  it('knows users who have come since it started', async () => {
    const folder = scratch.file('users')
    mkdirSync(folder)
    const list = (...names: string[]) => {
      const lines = names.map((name) => `${name}:x:${name === 'root' ? 0 : nobody}:${nobody}::/:/bin/sh\n`)
      writeFileSync(`${folder}/passwd.new`, lines.join(''))
      renameSync(`${folder}/passwd.new`, `${folder}/passwd`)
    }
    list('root')
    const prefix = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc && exec "$@"', folder]
    const daemon = await startStore(scratch, 'newcomer', { prefix })
    const profiles = `${daemon.state}/profiles/per-user`
    expect(readdirSync(profiles)).toEqual(['root'])
    list('root', 'newcomer')
    const greeting = Buffer.concat([0x6e697863, 0x163, 0, 1].map(int))
    const [command = '', ...args] = asNobody
    spawnSync(command, [...args, 'nc', '-N', '-U', daemon.socket], { input: greeting })
    expect(readdirSync(profiles)).toEqual(['newcomer', 'root'])
    expect(statSync(`${profiles}/newcomer`).uid).toBe(nobody)
  })
})
