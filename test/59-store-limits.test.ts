// Few descriptors, and many who want one: nobody's connections keep others out, and what is too little is named.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeCli, storeDaemon } from './support/store.ts'
import { fileNar, int, str } from './support/wire.ts'

const scratch = new Scratch('store-limits')
const [user, other] = [65534, 65533]
const withLimit = (files: number) => ['sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh']
const as = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']

/** Says how many of so many connections are served, and keeps these until its standard input ends. */
const hog = `
  const [path, count, bytes] = process.argv.slice(1)
  let served = 0, settled = 0
  const settle = () => { if (++settled == count) console.log(served) }
  for (let index = 0; index < count; index++) {
    const socket = require('net').connect(path).on('error', () => {}).once('close', settle)
    socket.write(Buffer.from(bytes, 'base64'))
    socket.once('data', () => { served++; socket.off('close', settle); settle() })
  }
  process.stdin.resume().on('end', () => process.exit())`

const ping = Buffer.from('{"type":"ping"}\n')

async function takeAll(uid: number, socket: string, bytes = ping, count = 400) {
  const [command = '', ...args] = [
    ...as(uid),
    process.execPath,
    '-e',
    hog,
    socket,
    String(count),
    bytes.toString('base64'),
  ]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  scratch.onEnd(() => void child.kill())
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const leave = async () => {
    child.stdin.end()
    await once(child, 'exit')
  }
  return { served: Number(line), leave }
}

describe.skipIf(process.getuid?.() !== 0)('connections', () => {
  it('of one user are in nobody else’s way, nor in that of root', async () => {
    const daemon = await startStore(scratch, 'shared', { prefix: withLimit(256) })
    const first = await takeAll(user, daemon.socket)
    const second = await takeAll(other, daemon.socket)
    expect([first.served, second.served]).toEqual([48, 24])
    const client = await daemon.connect()
    expect(await client.isValid(await client.addText('text', 'text'))).toBe(true)
    const [command = '', ...args] = [...as(user), process.execPath, storeCli, 'ping']
    const { status, stderr } = spawnSync(command, args, {
      encoding: 'utf8',
      env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
    })
    expect([status, stderr]).toEqual([
      69,
      'store-cli: Connection to the store daemon was lost: it was closed before it began, as when there are too many\n',
    ])
    const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length
    const left = descriptors() - first.served
    await first.leave()
    while (descriptors() > left) await client.isValid(`${daemon.store}/x`)
    const again = await takeAll(user, daemon.socket)
    expect(again.served).toBe(35)
    await Promise.all([again.leave(), second.leave()])
    client.close()
  })
})

describe.skipIf(process.getuid?.() !== 0)('files that are being added', () => {
  it('by all who are let in leave enough for root', async () => {
    const daemon = await startStore(scratch, 'adding', { prefix: withLimit(512) })
    const greeting = Buffer.concat([0x6e697863, 0x163, 0, 1].map(int))
    const nar = fileNar(Buffer.alloc(100_000))
    const adding = Buffer.concat([greeting, int(7), str('x'), int(1), int(1), str('sha256'), nar])
    const part = adding.subarray(0, -50_000)
    const clients = []
    for (const uid of [user, other, 65532, 65531]) clients.push(await takeAll(uid, daemon.socket, part))
    const client = await daemon.connect()
    const started = () => readdirSync(daemon.store).length - 1
    const served = clients.reduce((sum, each) => sum + each.served, 0)
    while (started() < served) await client.isValid(`${daemon.store}/x`)
    expect(await client.isValid(await client.addNar('own', nar))).toBe(true)
    expect(await client.verify(true)).toBe(false)
    await Promise.all(clients.map(({ leave }) => leave()))
    client.close()
  })
})

describe('a daemon that may open few files', () => {
  it.each([[], ['--stdio']])('says how many it needs %j', async (...options) => {
    const [command = '', ...args] = [...withLimit(48), process.execPath, storeDaemon, ...options]
    const place = ['--store', scratch.file('few/store'), '--state', scratch.file('few/state')]
    const { status, stderr } = spawnSync(command, [...args, ...place], {
      encoding: 'utf8',
      input: '{"type":"ping"}\n',
      env: environment(),
    })
    expect([status, stderr]).toEqual([
      78,
      'store-daemon: Cannot work with 48 open files: at least 64 are needed (ulimit -n)\n',
    ])
  })

  it('works with these for as many as it lets in', async () => {
    const daemon = await startStore(scratch, 'enough', { prefix: withLimit(64) })
    const clients = await Promise.all(Array.from({ length: 8 }, () => daemon.connect()))
    const contents = Buffer.alloc(300_000, 'x')
    const work = clients.map(async (client, index) => {
      for (let round = 0; round < 5; round++) {
        const path = await client.addNar(`n${index}-${round}`, fileNar(contents))
        expect(await client.isValid(await client.addText(`t${index}-${round}`, 'text', [path]))).toBe(true)
        expect((await client.exportItem(path).catch(String)).toString()).not.toContain('files')
        expect(await client.verify(true)).toBe(false)
        await client.collect(2)
      }
    })
    await Promise.all(work)
    const child = spawn(process.execPath, [storeCli, 'ping'], {
      env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    expect(await text(child.stderr)).toContain('too many')
    for (const client of clients) client.close()
  })
})

it('options of one connection are not kept without end', async () => {
  const daemon = await startStore(scratch, 'options')
  const client = await daemon.connect()
  const settings = (first: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${first}-${index}`, 'x'.repeat(60_000)]))
  await setOptions(client, { settings: settings('a', 10) })
  await setOptions(client, { settings: settings('a', 10) })
  await expect(setOptions(client, { settings: settings('b', 10) })).rejects.toThrow('too many options')
  expect(await client.isValid(`${daemon.store}/${'0'.repeat(32)}-x`)).toBe(false)
  await expect(setOptions(client, { settings: settings('c', 20) })).rejects.toThrow()
  await client.untilClosed()
  const other = await daemon.connect()
  await setOptions(other, { settings: settings('c', 10) })
  other.close()
})
