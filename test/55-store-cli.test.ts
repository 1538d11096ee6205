// store-cli against a daemon: paths in, records out, statuses, and the same over TCP and ssh.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment, shell } from './support/shell.ts'
import { storeCli, TestStore } from './support/store.ts'
import { int, tags } from './support/wire.ts'

type Record_ = Record<string, unknown>
type Ran = { status: number | null; records: Record_[]; stdout: Buffer; stderr: string }

const scratch = new Scratch('store-cli')
const port = 31000 + (process.pid % 10000)
let daemon: TestStore

function run(args: readonly string[], input?: string | Buffer, address = daemon.socket): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [storeCli, ...args], {
    input: input ?? '',
    env: environment({ GUIX_DAEMON_SOCKET: address }),
    maxBuffer: 1 << 26,
  })
  const lines = stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
  return {
    status,
    stdout,
    stderr: stderr.toString(),
    records: lines.map((line) => JSON.parse(line) as Record_),
  }
}

/** The same without blocking this process, which serves it. */
async function runBeside(args: readonly string[], address: string): Promise<Pick<Ran, 'status' | 'records'>> {
  const child = spawn(process.execPath, [storeCli, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: environment({ GUIX_DAEMON_SOCKET: address }),
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  const lines = (await readText(child.stdout)).split('\n').filter((line) => line !== '')
  return { status: (await closed)[0], records: lines.map((line) => JSON.parse(line) as Record_) }
}

/** The daemon as guix-daemon would be: it closes a connection that begins with no greeting. */
async function withoutRecords(): Promise<string> {
  const server = createServer((client) => {
    client.once('data', (first: Buffer) => {
      if (first[0] === 0x7b) {
        client.destroy()
        return
      }
      const behind = connect(daemon.socket)
      behind.write(first)
      client.pipe(behind).pipe(client)
    })
  })
  const address = scratch.file('without-records')
  await once(server.listen(address), 'listening')
  onTestFinished(() => void server.close())
  return address
}

const path = (ran: Ran) => ran.records.find(({ type }) => type === 'path')?.['path'] as string

beforeAll(async () => {
  daemon = new TestStore(scratch, 'main', {
    args: ['--listen', `${scratch.path}/main/state/daemon-socket/socket`, '--listen', `127.0.0.1:${port}`],
  })
  await daemon.start()
})

describe('store-cli', () => {
  it('goes on after a file that cannot be read, also when half of its tree was sent', () => {
    const [first, second] = [scratch.file('first'), scratch.file('second')]
    for (const file of [first, second]) writeFileSync(file, file)
    const broken = scratch.file('broken')
    mkdirSync(broken)
    writeFileSync(`${broken}/a`, randomBytes(300_000))
    spawnSync('mkfifo', [`${broken}/b`])
    const added = run(['add', first, scratch.file('missing'), broken, second])
    expect(added.status).toBe(1)
    expect(added.records.map(({ type, source, path }) => [type, source ?? path])).toEqual([
      ['path', first],
      ['error', scratch.file('missing')],
      ['error', broken],
      ['path', second],
      ['end', undefined],
    ])
    expect(added.records.at(-1)).toMatchObject({ ok: false, counts: { added: 2 } })
    expect(run(['verify', '--contents']).status).toBe(0)
  })

  it('takes no name for no file', () => {
    const { status, records } = run(['add', ''])
    expect([status, records]).toMatchObject([1, [{ type: 'error', path: '' }, { counts: { added: 0 } }]])
  })

  it('adds trees, files and texts, and says what it knows of them', () => {
    const tree = scratch.file('tree')
    mkdirSync(`${tree}/sub`, { recursive: true })
    writeFileSync(`${tree}/sub/file`, 'contents')
    // More than one block of the nar.
    writeFileSync(`${tree}/large`, 'x'.repeat(300_000))
    symlinkSync('sub/file', `${tree}/link`)
    const added = run(['add', tree])
    expect(added.records.at(-1)).toEqual({ type: 'end', tool: 'store-cli', ok: true, counts: { added: 1 } })
    expect(readFileSync(`${path(added)}/link`, 'utf8')).toBe('contents')
    expect(readFileSync(`${path(added)}/large`, 'utf8')).toHaveLength(300_000)
    const text = run(['add-text', 'greeting', '--reference', path(added)], 'hello')
    expect(run(['references', path(text)]).records).toEqual([{ type: 'path', path: path(added) }])
    expect(run(['referrers', path(added)]).records).toEqual([{ type: 'path', path: path(text) }])
    const all = run(['requisites', path(text)])
    expect(all.records.map((record) => record['path'])).toEqual([path(added), path(text)].sort())
    expect(run(['topo', path(text)]).records.map((record) => record['path'])).toEqual([
      path(added),
      path(text),
    ])
    // Records in, records out.
    const info = run(['path-info'], all.stdout)
    expect(info.records.map(({ nar_size: size }) => size)).toHaveLength(2)
    expect(info.records[0]).toMatchObject({
      type: 'path-info',
      hash: expect.stringMatching(/^sha256:[0-9a-z]{52}$/),
    })
    const flat = run(['add', '--flat', '--hash', 'md5', '--name', 'x', `${tree}/sub/file`])
    expect(run(['hash', path(flat)]).status).toBe(0)
  })

  it('says which of the paths on its input are valid, and goes on after one that is wrong', () => {
    const text = path(run(['add-text', 'known'], 'known'))
    const ran = run(['valid'], `${text}\n/nowhere\n${daemon.store}/x\n`)
    expect(ran.records).toMatchObject([
      { type: 'path', path: text, valid: true },
      {
        type: 'error',
        code: 'DAEMON_REFUSED',
        path: '/nowhere',
        message: "path `/nowhere' is not in the store",
      },
      { type: 'path', path: `${daemon.store}/x`, valid: false },
    ])
    expect([ran.status, ran.stderr]).toEqual([1, "store-cli: path `/nowhere' is not in the store\n"])
    expect(run(['valid', '-0'], `${text}\0${text}\0`).records).toHaveLength(2)
    const [before, behind] = [`${daemon.store}/before`, `${daemon.store}/behind`]
    const among = run(['valid', before, '-', behind, '-'], `${text}\n`)
    expect(among.records.map(({ path }) => path)).toEqual([before, text, behind])
    expect(run(['from-hash-part', text.slice(daemon.store.length + 1).slice(0, 32)]).records).toEqual([
      { type: 'path', path: text },
    ])
  })

  it('roots, and says why a path is alive', () => {
    const needed = path(run(['add-text', 'needed'], 'needed'))
    const text = path(run(['add-text', 'rooted', '--reference', needed], 'rooted'))
    const link = scratch.file('root')
    expect(run(['add-root', link, text]).records).toEqual([{ type: 'root', link, path: text }])
    expect(run(['roots']).records).toContainEqual({ type: 'root', link, path: text })
    const taken = scratch.file('taken')
    mkdirSync(taken)
    expect(run(['add-root', taken, text]).records[0]).toMatchObject({ code: 'CANNOT_CREATE' })
    expect(readdirSync(scratch.path).filter((name) => name.startsWith('taken'))).toEqual(['taken'])
    expect(run(['gc', '--why', needed]).records).toEqual([
      { type: 'path', path: text, root: link },
      { type: 'path', path: needed, root: null },
      { type: 'end', tool: 'store-cli', ok: true, counts: { paths: 2 } },
    ])
    const alive = run(['gc', '--delete', needed])
    expect(alive.status).toBe(1)
    expect(alive.records[0]).toMatchObject({
      message: `cannot delete path \`${needed}' since it is still alive`,
    })
    rmSync(link)
    expect(run(['gc', '--delete', needed]).records.map((record) => record['path'])).toEqual(
      [needed, text].sort().concat([undefined as never]),
    )
  })

  it('says that a process keeps a path, or that nothing is known to', async () => {
    const needed = path(run(['add-text', 'needed'], 'by a process'))
    const used = path(run(['add-text', 'used', '--reference', needed], 'used'))
    expect(run(['gc', '--why', needed]).records).toEqual([
      { type: 'end', tool: 'store-cli', ok: true, counts: { paths: 0 } },
    ])
    const descriptor = openSync(used, 'r')
    onTestFinished(() => closeSync(descriptor))
    expect(run(['gc', '--why', needed]).records).toEqual([
      { type: 'path', path: used, root: 'a running process' },
      { type: 'path', path: needed, root: null },
      { type: 'end', tool: 'store-cli', ok: true, counts: { paths: 2 } },
    ])
    const plain = await withoutRecords()
    const unknown = await runBeside(['gc', '--why', needed], plain)
    expect(unknown).toMatchObject({
      status: 1,
      records: [{ code: 'STORE_FAILED', path: needed }, { ok: false }],
    })
    const dead = path(run(['add-text', 'dead'], 'dead'))
    expect(await runBeside(['gc', '--why', dead], plain)).toMatchObject({
      status: 0,
      records: [{ ok: true }],
    })
  })

  it('keeps the bytes of names that are not UTF-8', () => {
    const file = Buffer.concat([Buffer.from(scratch.file('odd-')), Buffer.of(0xff)])
    const link = Buffer.concat([file, Buffer.from('-link')])
    writeFileSync(file, 'odd')
    const added = run(['add', '-0', '--name', 'odd'], Buffer.concat([file, Buffer.of(0)]))
    expect(added.records[0]).toMatchObject({ source_base64: file.toString('base64') })
    const root = { link_base64: link.toString('base64'), path: path(added) }
    // No string of JavaScript has these bytes.
    const script = 'exec "$0" "$1" add-root "$(printf %s "$2" | base64 -d)" "$3"'
    const { stdout } = spawnSync(
      'sh',
      ['-c', script, process.execPath, storeCli, root.link_base64, path(added)],
      { env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }), encoding: 'utf8' },
    )
    expect(JSON.parse(stdout)).toEqual({ type: 'root', ...root })
    expect(readlinkSync(link)).toBe(path(added))
    expect(run(['roots']).records).toContainEqual({ type: 'root', ...root })
    expect(run(['gc', '--why', path(added)]).records[0]).toMatchObject({ root_base64: root.link_base64 })
    const ask = spawnSync('nc', ['-N', '-U', daemon.socket], {
      input: `{"type":"roots"}\n${JSON.stringify({ type: 'add-root', link_base64: root.link_base64 })}\n`,
      encoding: 'utf8',
    })
    const answers = ask.stdout.trim().split('\n')
    expect(answers.map((line) => JSON.parse(line) as Record_)).toEqual(
      expect.arrayContaining([
        { type: 'root', ...root },
        { type: 'root', link_base64: root.link_base64, path: null },
      ]),
    )
  })

  it('shows a table on a terminal, and records there with --json', () => {
    const text = path(run(['add-text', 'shown'], 'shown'))
    const onTerminal = (...args: string[]) => {
      const command = [process.execPath, storeCli, ...args].map((word) => `'${word}'`).join(' ')
      const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
        env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
        encoding: 'utf8',
      })
      return stdout.replaceAll('\r', '')
    }
    const [info] = run(['path-info', text]).records
    const rows = onTerminal('path-info', text).split('\n')
    expect(rows.find((row) => row.startsWith('hash '))?.split(/ +/)).toEqual(['hash', info?.['hash']])
    expect(rows.find((row) => row.startsWith('nar_size '))?.split(/ +/)).toEqual(['nar_size', '120'])
    expect(onTerminal('valid', text, `${daemon.store}/x`)).toBe(`${text}\n${daemon.store}/x  not valid\n`)
    expect(JSON.parse(onTerminal('path-info', '--json', text))).toEqual(info)
  })

  it('keeps what died a short while ago', () => {
    const text = path(run(['add-text', 'dead'], 'dead'))
    run(['gc', '--keep-dead', '1h'])
    expect(run(['valid', text]).records[0]).toMatchObject({ valid: true })
    const collected = run(['gc'])
    expect(collected.records.map((record) => record['path'])).toContain(text)
    expect(run(['gc', '--dead']).records).toHaveLength(1)
  })

  it('makes derivations from records, and shows them as records', () => {
    const record = {
      type: 'derivation',
      name: 'd',
      store: daemon.store,
      system: 'x86_64-linux',
      builder: '/bin/sh',
      args: ['-c', 'echo "ü" > $out'],
    }
    const first = run(['derivation', '--make'], JSON.stringify(record)).records[0] as {
      path: string
      outputs: { out: { path: string } }
    }
    expect(run(['derivation', first.path]).records[0]).toEqual(first)
    expect(run(['outputs', first.path]).records).toEqual([{ type: 'path', path: first.outputs.out.path }])
    const next = { ...record, name: 'e', input_derivations: { [first.path]: ['out'] } }
    expect(run(['derivation', '--make'], JSON.stringify(next)).records[0]).toMatchObject({
      type: 'derivation',
      name: 'e',
    })
    expect(run(['derivers', first.outputs.out.path]).records).toEqual([{ type: 'path', path: first.path }])
    const misspelled = run(['derivation', '--make'], JSON.stringify({ ...record, arguments: ['x'] }))
    expect(misspelled.status).toBe(1)
    expect(misspelled.stderr).toContain('field "arguments": not known')

    const wrong = run(['derivation', '--make'], '{"type":"derivation","name":"x"}\n')
    expect([wrong.status, wrong.records[0]?.['code']]).toEqual([1, 'RECORD_INVALID'])
  })

  it('exports, and imports nothing that is not signed', () => {
    const text = path(run(['add-text', 'exported'], 'exported'))
    const exported = run(['export', '--unsigned', text])
    expect(exported.stdout.subarray(0, 8).readUInt8(0)).toBe(1)
    const imported = run(['import'], exported.stdout)
    expect(imported.status).toBe(1)
    expect(imported.records[0]).toMatchObject({ message: `imported archive of \`${text}' lacks a signature` })
  })

  it('verifies and optimises', () => {
    expect(run(['verify', '--contents']).records.at(-1)).toMatchObject({ type: 'end', ok: true })
    expect(run(['optimise']).status).toBe(0)
  })

  it('reaches the daemon over TCP, where it may not collect', () => {
    const address = `guix://127.0.0.1:${port}`
    expect(run(['ping']).records).toEqual([{ type: 'pong', address: daemon.socket }])
    expect(run(['ping', '--socket', address]).records).toEqual([{ type: 'pong', address }])
    const refused = run(['gc'], '', address)
    expect(refused.records[0]).toMatchObject({ message: 'Garbage collection is disabled for remote hosts.' })
  })

  it('says how it failed by its status', () => {
    expect(run(['ping'], '', '/nowhere/socket').status).toBe(69)
    expect(run(['valid', '--frobnicate', 'x']).status).toBe(64)
    expect(run(['gc', '--live', '--dead']).status).toBe(64)
    expect(run(['add', '--hash', 'crc', 'x']).status).toBe(64)
    // Also where there is no daemon: what is wrong with the command is said first.
    const nobody = `${scratch.path}/nobody`
    expect(run(['add', '--hash', 'crc', 'x'], '', nobody).status).toBe(64)
    expect(run(['gc', '--live', '--dead'], '', nobody).status).toBe(64)
    const unreachable = run(['valid', '/a', '/b'], '', nobody)
    expect(unreachable.status).toBe(69)
    expect(unreachable.stderr.trimEnd().split('\n')).toHaveLength(1)
    for (const address of ['gopher://x', 'unix:///%zz', 'ssh://%zz@x'])
      expect([address, run(['ping'], '', address).status]).toEqual([address, 64])
    // Not the socket whose name is the first bytes of it.
    const long = run(['ping'], '', `${daemon.socket}${'x'.repeat(200)}`)
    expect([long.status, long.stderr]).toEqual([69, expect.stringContaining('at most 107 bytes')])
  })

  it('asks no further when an answer makes no sense', async () => {
    const greeting = [int(0x6478696f), int(0x163), int(tags.last)]
    const server = createServer((socket) => {
      socket.on('error', () => undefined).resume()
      socket.write(Buffer.concat([...greeting, int(tags.last), Buffer.alloc(8, 0xff)]))
    })
    const socket = scratch.file('senseless')
    await once(server.listen(socket), 'listening')
    onTestFinished(() => void server.close())
    const { status, stdout, stderr } = await shell(`store-cli hash /one /two --socket ${socket}`)
    expect([status, stdout, stderr]).toEqual([76, '', expect.stringContaining('32-bit integers')])
  })
})
