// Substitutes from servers that are as they should be: a folder, Debian's nginx over http and https, and Nix's own
// format; and what has been tampered with is refused.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import type { TestStore } from './support/store.ts'
import {
  copyFolder,
  etcOf,
  freePort,
  itemsOf,
  makeReader,
  type Nginx,
  publish,
  runCli,
  startNginx,
  startOrigin,
} from './support/substitutes.ts'
import { list, str, WireClient } from './support/wire.ts'

const scratch = new Scratch('substitutes')
const key = scratch.file('key')
const cache = scratch.file('cache')
const isRoot = process.getuid?.() === 0
let origin: TestStore
let nginx: Nginx
/** What refers to what: top → left, right → base; base refers to itself. */
const items = { base: '', left: '', right: '', top: '', tree: '' }
let count = 0

async function startReader(urls: string, more: { args?: string[]; env?: Record<string, string> } = {}) {
  const name = `reader-${count++}`
  const daemon = makeReader(scratch, name, key, {
    args: ['--substitute-urls', urls, ...(more.args ?? [])],
    env: more.env ?? {},
  })
  await daemon.start()
  return { daemon, files: itemsOf(scratch, name), state: daemon.state }
}

function leftovers(files: string): string[] {
  return readdirSync(files).filter((name) => name !== '.links' && !/^[0-9a-z]{32}-/.test(name))
}

beforeAll(async () => {
  if (!isRoot) return
  origin = await startOrigin(scratch, key)
  const client = await origin.connect()
  items.base = await client.addText('base', 'the base')
  items.left = await client.addText('left', `left of ${items.base}`, [items.base])
  items.right = await client.addText('right', `${'r'.repeat(20_000)} ${items.base}`, [items.base])
  items.top = await client.addText('top', 'top', [items.left, items.right])
  const tree = scratch.file('tree')
  mkdirSync(`${tree}/bin`, { recursive: true })
  writeFileSync(`${tree}/bin/run`, '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(`${tree}/größe`, 'x'.repeat(300_000))
  const added = runCli(origin, ['add', tree])
  if (added.status !== 0) throw new Error(added.stderr + added.stdout.toString())
  items.tree = added.records[0]?.['path'] as string
  client.close()
  publish(origin, cache, [items.top, items.tree], key, '--compression', 'gzip', '--compression', 'none')
  nginx = await startNginx(scratch, cache)
})

describe.skipIf(!isRoot)('substitutes', () => {
  it.each(['file', 'http', 'https'] as const)('come with all that they refer to, over %s', async (kind) => {
    const url = kind === 'file' ? `file://${cache}` : nginx[kind]
    const env = kind === 'https' ? { SSL_CERT_FILE: nginx.ca } : {}
    const { daemon, files } = await startReader(url, { env })
    const ran = runCli(daemon, ['ensure', items.top, items.tree])
    expect(ran.records, ran.stderr).toMatchObject([
      { valid: true },
      { valid: true },
      { type: 'end', ok: true },
    ])
    for (const path of Object.values(items)) {
      const there = runCli(origin, ['path-info', path]).records[0]
      expect(runCli(daemon, ['path-info', path]).records[0]).toEqual({
        ...there,
        registered: expect.any(String) as unknown,
      })
    }
    expect(readFileSync(`${files}/${basename(items.tree)}/größe`, 'utf8')).toHaveLength(300_000)
    expect(runCli(daemon, ['verify', '--contents']).records.at(-1)).toMatchObject({ ok: true })
    expect(leftovers(files)).toEqual([])
    await daemon.stop()
  })

  it('are what the calls of the protocol say', async () => {
    const { daemon } = await startReader(nginx.http)
    const client = await daemon.connect()
    const none = `${daemon.store}/${'0'.repeat(32)}-none`
    await client.call(3, str(items.top))
    expect(await client.int()).toBe(1)
    await client.call(3, str(none))
    expect(await client.int()).toBe(0)
    await client.call(32, list([none, items.top, items.base]))
    expect(await client.list()).toEqual([items.base, items.top].sort())
    await client.call(21, str(items.left))
    expect([await client.int(), await client.str(), await client.list()]).toEqual([1, '', [items.base]])
    const [download, nar] = [await client.int(), await client.int()]
    expect(nar).toBe(runCli(origin, ['path-info', items.left]).records[0]?.['nar_size'])
    expect(download).toBeGreaterThan(0)
    await client.call(30, list([none, items.left]))
    expect([await client.int(), await client.str(), await client.str()]).toEqual([1, items.left, ''])
    expect([await client.list(), await client.int(), await client.int()]).toEqual([
      [items.base],
      download,
      nar,
    ])
    await setOptions(client, { substitutes: false })
    await client.call(3, str(items.top))
    expect(await client.int()).toBe(0)
    await expect(client.call(10, str(items.top))).rejects.toThrow('does not exist and cannot be created')
    client.close()
    await daemon.stop()
  })

  it('are left alone by a daemon without them', async () => {
    const { daemon } = await startReader(nginx.http, { args: ['--no-substitutes'] })
    expect(runCli(daemon, ['substitutes', items.top]).records).toEqual([])
    expect(runCli(daemon, ['ensure', items.top]).status).toBe(1)
    await daemon.stop()
  })

  it('tell programs what happens, as guix-daemon and its substituter do', async () => {
    const { daemon } = await startReader(nginx.http)
    const client = await daemon.connect()
    const settings = { 'print-extended-build-trace': '1' }
    await setOptions(client, { substitutes: true, settings })
    await client.call(10, str(items.base))
    const [url] = /http:\/\/[^ ]+/.exec(client.log) ?? []
    const size = readFileSync(`${cache}/nar/gzip/${basename(items.base)}`).length
    expect(client.log.split('\n').filter((line) => !line.includes('download-progress'))).toEqual([
      `@ substituter-started ${items.base} substitute`,
      `@ download-started ${items.base} ${url} ${size}`,
      `@ download-succeeded ${items.base} ${url} ${size}`,
      `@ substituter-succeeded ${items.base}`,
      '',
    ])
    client.close()
    await daemon.stop()
  })

  it.each(['zstd', 'gzip'])('may be compressed with %s', async (compression) => {
    const folder = scratch.file(`with-${compression}`)
    copyFolder(cache, folder)
    const name = basename(items.tree)
    const plain = `${folder}/nar/none/${name}`
    execFileSync(compression, ['-q', '-f', plain])
    const [packed = ''] = readdirSync(`${folder}/nar/none`).filter((each) => each.startsWith(`${name}.`))
    relocate(
      `${folder}/${name.slice(0, 32)}.narinfo`,
      `URL: nar/none/${packed}\nCompression: ${compression}\n`,
    )
    const { daemon } = await startReader(`file://${folder}`)
    expect(runCli(daemon, ['ensure', items.tree]).status).toBe(0)
    await daemon.stop()
  })

  it('compressed in a way that is not known are refused, and say how', async () => {
    const folder = scratch.file('with-lzip')
    copyFolder(cache, folder)
    relocate(narinfoIn(folder, items.base), 'URL: nar/lzip/x\nCompression: lzip\n')
    const { daemon } = await startReader(`file://${folder}`)
    const { stderr } = runCli(daemon, ['ensure', items.base])
    expect(stderr).toContain('it is compressed with lzip; supported are none, gzip, zstd')
    await daemon.stop()
  })

  it('are what Nix reads and writes: it copies from here, and its own caches serve as mirrors', async () => {
    const nix = (...args: string[]) => {
      const features = ['--extra-experimental-features', 'nix-command']
      const env = { PATH: process.env['PATH'] ?? '', HOME: scratch.path }
      execFileSync('nix', [...features, 'copy', '--no-check-sigs', ...args, items.tree], {
        env,
        stdio: 'pipe',
      })
    }
    const place = scratch.file('nix')
    const local = `local?store=${origin.store}&state=${place}/state&log=${place}/log`
    const theirs = scratch.file('nix-cache')
    nix('--from', `file://${cache}?store=${origin.store}`, '--to', local)
    nix('--from', local, '--to', `file://${theirs}?compression=zstd&store=${origin.store}`)
    execFileSync('chmod', ['-R', 'u+w', origin.store])
    const ours = scratch.file('without-nars')
    copyFolder(cache, ours)
    rmSync(`${ours}/nar`, { recursive: true })
    const { daemon } = await startReader(`file://${theirs} file://${ours}`)
    const { status, stderr } = runCli(daemon, ['ensure', items.tree])
    expect([status, stderr]).toEqual([0, expect.stringMatching(/downloading from .*\.nar\.zst /) as string])
    await daemon.stop()
  })

  it('mend an item that nobody here can build, or leave it as it is', async () => {
    const folder = scratch.file('mending')
    copyFolder(cache, folder)
    const { daemon, files } = await startReader(`file://${folder}`)
    expect(runCli(daemon, ['ensure', items.top]).status).toBe(0)
    const file = `${files}/${basename(items.left)}`
    const good = readFileSync(file, 'utf8')
    const corrupt = () => {
      rmSync(file)
      writeFileSync(file, 'broken', { mode: 0o444 })
    }
    const repair = () => runCli(daemon, ['verify', '--contents', '--repair'])
    corrupt()
    expect(repair().stderr).toContain(items.left)
    expect([readFileSync(file, 'utf8'), lstatSync(file).mode & 0o7777]).toEqual([good, 0o444])
    expect(runCli(daemon, ['verify', '--contents']).records.at(-1)).toMatchObject({ ok: true })
    corrupt()
    rmSync(`${folder}/nar/gzip/${basename(items.left)}`)
    writeFileSync(`${folder}/nar/none/${basename(items.left)}`, 'no nar')
    const failed = repair()
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining(items.left) as string])
    // What refers to it is as valid as before.
    expect(readFileSync(file, 'utf8')).toBe('broken')
    expect(runCli(daemon, ['valid', items.top]).records).toMatchObject([{ valid: true }])
    expect(leftovers(files)).toEqual([])
    await daemon.stop()
  })

  it('come from any server that has the same, when one that is trusted has signed', async () => {
    const [signed, plain] = [scratch.file('signed'), scratch.file('unsigned')]
    copyFolder(cache, signed)
    copyFolder(cache, plain)
    rmSync(`${signed}/nar`, { recursive: true })
    for (const name of readdirSync(plain).filter((each) => each.endsWith('.narinfo'))) {
      edit(`${plain}/${name}`, /Signature: .*\n/, '')
    }
    const { daemon } = await startReader(`file://${plain} file://${signed}`)
    expect(runCli(daemon, ['ensure', items.top]).status).toBe(0)
    await daemon.stop()
  })
})

describe.skipIf(!isRoot)('a substitute that is not as it should be is refused, with the item named:', () => {
  const narinfo = (change: (text: string) => string) => (folder: string) => {
    const file = narinfoIn(folder, items.left)
    writeFileSync(file, change(readFileSync(file, 'latin1')), 'latin1')
  }
  const nar = (change: (bytes: Buffer) => Buffer) => (folder: string) => {
    rmSync(`${folder}/nar/gzip/${basename(items.left)}`)
    const file = `${folder}/nar/none/${basename(items.left)}`
    writeFileSync(file, change(readFileSync(file)))
  }
  const flip = (bytes: Buffer, at: number) => {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    return changed
  }
  let reader: Awaited<ReturnType<typeof startReader>>
  beforeAll(async () => void (reader = await startReader('')))
  const changeDigit = (text: string, field: string) =>
    text.replace(
      new RegExp(`(${field}: sha256:.)(.)`, 'g'),
      (_, start: string, digit: string) => start + (digit === '0' ? '1' : '0'),
    )
  const unsigned = (text: string) => text.replace(/Signature: .*\n/, '')

  it.each<[string, (folder: string) => void, string]>([
    ['another byte in the nar', nar((bytes) => flip(bytes, 100)), 'has hash'],
    ['a nar with a byte more', nar((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])), 'longer than'],
    ['a nar with a byte less', nar((bytes) => bytes.subarray(0, -1)), 'bytes, not'],
    ['no nar at all', nar(() => Buffer.alloc(0)), 'bytes, not'],
    [
      'other references',
      narinfo((text) => text.replace(/References: .*/, 'References: ')),
      "signed hash doesn't match",
    ],
    ['another hash', narinfo((text) => changeDigit(text, 'NarHash')), "signed hash doesn't match"],
    ['another size', narinfo((text) => text.replace(/(NarSize: )/, '$19')), "signed hash doesn't match"],
    ['no signature', narinfo(unsigned), 'it lacks a signature'],
    [
      'what is no signature',
      narinfo((text) => text.replace(/Signature: .*/, 'Signature: 1;x;QQ==')),
      'invalid signature: it lacks a part',
    ],
    ['a signature that does not hold', narinfo((text) => changeSignature(text)), 'invalid signature'],
    ["another item's narinfo", (folder) => copyNarinfo(folder, items.right, items.left), 'it is about'],
    ['an unsigned deriver', narinfo((text) => `${text}Deriver: x.drv\n`), 'not covered by the signature'],
    ['a narinfo that is none', narinfo(() => 'hello\n'), 'Cannot read narinfo, line 1'],
    ['a place elsewhere', narinfo((text) => text.replace(/URL: .*/g, 'URL: ../../etc/passwd')), 'leads away'],
    [
      'another size of the file',
      narinfo((text) => text.replace(/FileSize: /g, 'FileSize: 9')),
      'bytes, not 9',
    ],
    ['another hash of the file', narinfo((text) => changeDigit(text, 'FileHash')), 'its file has hash'],
  ])('%s', async (name, change, message) => {
    const folder = scratch.file(`bad-${count++}`)
    copyFolder(cache, folder)
    change(folder)
    const { daemon, files } = reader
    const urls = ['--substitute-urls', `file://${folder}`]
    const { status, stderr } = runCli(daemon, ['ensure', ...urls, items.left])
    expect([name, status, stderr]).toEqual([name, 1, expect.stringContaining(message) as string])
    expect(stderr).toContain(items.left)
    // What it refers to may have come before it.
    expect(runCli(daemon, ['valid', items.left]).records).toMatchObject([{ valid: false }])
    expect(existsSync(`${files}/${basename(items.left)}`)).toBe(false)
    expect(leftovers(files)).toEqual([])
  })

  it('an unknown key, also one that was known when the server was asked', async () => {
    const { daemon } = await startReader(nginx.http)
    expect(runCli(daemon, ['substitutes', items.left]).records).toHaveLength(1)
    writeFileSync(`${etcOf(scratch, `reader-${count - 1}`)}/acl`, '(acl)')
    const { status, stderr } = runCli(daemon, ['ensure', items.left])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      new RegExp(`substitute of .${items.left}. from .* is refused: unauthorized public key`),
    )
    await daemon.stop()
  })

  it('items of another store', async () => {
    const folder = scratch.file('foreign')
    copyFolder(cache, folder)
    writeFileSync(`${folder}/nix-cache-info`, 'StoreDir: /nix/store\n')
    const { daemon } = await startReader(`file://${folder}`)
    const { stderr } = runCli(daemon, ['ensure', items.left])
    expect(stderr).toContain("is not used: it has items of `/nix/store'")
    await daemon.stop()
  })
})

describe.skipIf(!isRoot)('a client without privileges', () => {
  it('may name servers, and directories that everybody may read', async () => {
    const port = await freePort()
    const secret = scratch.file('private')
    copyFolder(cache, secret)
    chmodSync(secret, 0o700)
    const { daemon } = await startReader('', {
      args: ['--listen', `127.0.0.1:${port}`, '--listen', socketOf()],
    })
    const ask = async (urls: string) => {
      const client = await WireClient.openTcp(port)
      await setOptions(client, { substitutes: true, settings: { 'substitute-urls': urls } })
      await client.call(3, str(items.top))
      const has = (await client.int()) === 1
      client.close()
      return { has, log: client.log }
    }
    expect(await ask(nginx.http)).toEqual({ has: true, log: '' })
    expect(await ask(`file://${cache}`)).toEqual({ has: true, log: '' })
    const refused = await ask(`file://${secret}`)
    expect(refused).toEqual({
      has: false,
      log: expect.stringContaining('not everybody may read it') as string,
    })
    expect(
      runCli(daemon, ['substitutes', '--substitute-urls', `file://${secret}`, items.top]).records,
    ).toHaveLength(1)
    expect(await ask('gopher://x')).toMatchObject({
      has: false,
      log: expect.stringContaining('is no substitute server') as string,
    })
    await daemon.stop()
  })
})

function socketOf(): string {
  return scratch.file(`reader-${count}/state/daemon-socket/socket`)
}

function narinfoIn(folder: string, path: string): string {
  return `${folder}/${basename(path).slice(0, 32)}.narinfo`
}

function edit(file: string, pattern: RegExp, text: string): void {
  writeFileSync(file, readFileSync(file, 'latin1').replace(pattern, text), 'latin1')
}

/** The same item, elsewhere. */
function relocate(file: string, where: string): void {
  edit(file, /URL: [^]*/, where)
}

function copyNarinfo(folder: string, from: string, to: string): void {
  writeFileSync(narinfoIn(folder, to), readFileSync(narinfoIn(folder, from)))
}

function changeSignature(text: string): string {
  return text.replace(/Signature: 1;([^;]*);(.*)/, (_, host: string, encoded: string) => {
    const sexp = Buffer.from(encoded, 'base64').toString('latin1')
    const changed = sexp.replace(/\(s #(..)/, (__, digits: string) => `(s #${digits === '11' ? '12' : '11'}`)
    return `Signature: 1;${host};${Buffer.from(changed, 'latin1').toString('base64')}`
  })
}
