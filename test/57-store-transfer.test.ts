// Exports and imports: what is signed by a key that may import comes in, and nothing else does.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment, recordsOf } from './support/shell.ts'
import { installKey, makeSigningKey, type SigningKey } from './support/signing-key.ts'
import { storeCli, TestStore } from './support/store.ts'
import { fileNar, int, str } from './support/wire.ts'

const scratch = new Scratch('store-transfer')
const [own, foreign] = [makeSigningKey(), makeSigningKey()]

/** `trusted` undefined: there is no list. All share one store directory's name, or paths would differ. */
async function startStore(name: string, key: SigningKey, trusted?: readonly SigningKey[]) {
  const configuration = scratch.file(`${name}-etc`)
  installKey(configuration, key, trusted)
  // Items are only valid in a store of the same name: a directory that is mounted over for each daemon.
  const store = scratch.file('store')
  const script = 'mkdir -p "$0" "$1" && mount --bind "$0" "$1" && shift && exec "$@"'
  const daemon = new TestStore(scratch, name, {
    store,
    prefix: ['unshare', '--mount', 'sh', '-c', script, scratch.file(`${name}-items`), store],
    env: { GUIX_CONFIGURATION_DIRECTORY: configuration },
  })
  await daemon.start()
  return { daemon, configuration, items: scratch.file(`${name}-items`) }
}

function cli(daemon: TestStore, args: readonly string[], input: string | Buffer = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [storeCli, ...args], {
    input,
    env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
    maxBuffer: 1 << 26,
  })
  return { status, stdout, stderr: stderr.toString() }
}

/** A text that refers to a tree, and the export of both. */
async function makeExport(daemon: TestStore) {
  const client = await daemon.connect()
  const tree = await client.addNar('tree', fileNar(Buffer.alloc(100_000, 'tree')))
  const text = await client.addText('text', 'refers to the tree', [tree])
  client.close()
  const { stdout, status } = cli(daemon, ['export', '--requisites', text])
  expect(status).toBe(0)
  return { tree, text, bytes: stdout }
}

describe.skipIf(process.getuid?.() !== 0)('an export', () => {
  it('is imported when its key may, with references, byte for byte', async () => {
    const from = await startStore('from', own)
    const { tree, text, bytes } = await makeExport(from.daemon)
    const to = await startStore('to', foreign, [foreign, own])
    const { stdout, status } = cli(to.daemon, ['import'], bytes)
    expect(recordsOf(stdout.toString())).toEqual([
      { type: 'path', path: tree },
      { type: 'path', path: text },
      { type: 'end', tool: 'store-cli', ok: true, counts: { imported: 2 } },
    ])
    expect(status).toBe(0)
    const client = await to.daemon.connect()
    await client.call(5, str(text))
    expect(await client.list()).toEqual([tree])
    expect(await client.verify(true)).toBe(false)
    // And again: what is there already is no error.
    expect(await client.importItems(bytes)).toEqual([tree, text])
    client.close()
    // What comes out there is what went in, but for the signature.
    expect(cli(to.daemon, ['export', '--unsigned', tree]).stdout).toEqual(
      cli(from.daemon, ['export', '--unsigned', tree]).stdout,
    )
    await Promise.all([from.daemon.stop(), to.daemon.stop()])
  })

  it('is refused when its key is not in the list, when there is none, and when it was changed', async () => {
    const from = await startStore('from-2', own)
    const { bytes, tree } = await makeExport(from.daemon)
    const unsigned = cli(from.daemon, ['export', '--unsigned', tree]).stdout
    await from.daemon.stop()
    const tampered = Buffer.from(bytes)
    tampered[5000] = 0
    const others = await startStore('others', foreign, [foreign])
    const ours = await startStore('ours', foreign, [own])
    for (const [{ daemon }, input, words] of [
      [others, bytes, 'unauthorized public key: (public-key'],
      [ours, tampered, "signed hash doesn't match actual contents of imported archive"],
      [ours, unsigned, `imported archive of \`${tree}' lacks a signature`],
      [ours, bytes.subarray(0, 50_000), 'unexpected end-of-file'],
      [ours, Buffer.concat([int(1), Buffer.from('no nar at all, but long enough')]), 'bad archive'],
      [ours, int(2), "input doesn't look like something created by `nix-store --export'"],
    ] as const) {
      const { stdout, status } = cli(daemon, ['import'], input)
      const records = recordsOf(stdout.toString())
      expect([status, records[0]?.type, records[0]?.['message']]).toEqual([
        1,
        'error',
        expect.stringContaining(words),
      ])
      expect(records.at(-1)).toMatchObject({ type: 'end', ok: false, counts: { imported: 0 } })
    }
    // Nothing of it is left.
    for (const { daemon, items } of [others, ours]) {
      const client = await daemon.connect()
      expect((await client.collect(1)).paths).toEqual([])
      await client.call(23)
      expect(await client.list()).toEqual([])
      client.close()
      expect(readdirSync(items)).toEqual(['.links'])
      expect(readdirSync(`${items}/.links`)).toEqual([])
      await daemon.stop()
    }
  })

  it("makes a missing list of this machine's own key", async () => {
    const { daemon, configuration } = await startStore('own', own)
    const { text, bytes } = await makeExport(daemon)
    const client = await daemon.connect()
    await client.collect(3, [text])
    expect(await client.importItems(bytes)).toContain(text)
    client.close()
    expect(readFileSync(`${configuration}/acl`, 'latin1')).toContain('(guix import)')
    expect(statSync(`${configuration}/acl`).mode & 0o777).toBe(0o644)
    await daemon.stop()
  })

  it('is not made with a key that others may read, nor of an item that is not what was registered', async () => {
    const { daemon, configuration, items } = await startStore('bad', own)
    const client = await daemon.connect()
    const path = await client.addText('text', 'text')
    const key = `${configuration}/signing-key.sec`
    writeFileSync(`${items}/${path.slice(daemon.store.length + 1)}`, 'else')
    await expect(client.exportItem(path)).rejects.toThrow(`hash of path \`${path}' has changed from`)
    const other = await client.addText('other', 'other')
    chmodSync(key, 0o644)
    await expect(client.exportItem(other)).rejects.toThrow(
      `file \`${key}' should be secret (inaccessible to everybody else)!`,
    )
    client.close()
    const { status, stderr } = cli(daemon, ['export', path], '')
    expect(status).toBe(1)
    expect(stderr).toContain('has changed from')
    await daemon.stop()
  })
})

describe.skipIf(process.getuid?.() !== 0)('a daemon that is told to end in the middle of an import', () => {
  it('ends, leaves nothing of it, and serves what was acknowledged when it starts again', async () => {
    const { daemon, items } = await startStore('ended', own)
    const client = await daemon.connect()
    const kept = await client.addText('kept', 'kept')
    const large = await client.addNar('large', fileNar(Buffer.alloc(4_000_000, 'large')))
    const bytes = Buffer.concat([int(1), await client.exportItem(large), int(0)])
    await client.collect(3, [large])
    // The first half, and then nothing: the daemon asks for more and waits.
    let sent = 0
    const half = new Promise<void>((resolve) => {
      client.socket.write(int(27))
      const importing = client.reply(undefined, (max) => {
        const piece = bytes.subarray(sent, (sent += max))
        if (sent < 2_000_000) return piece
        resolve()
        return Buffer.alloc(0)
      })
      importing.catch(() => undefined)
    })
    await half
    expect(await daemon.stop()).toBe('SIGTERM')
    const [name = ''] = readdirSync(items).filter((each) => each !== '.links')
    expect(readdirSync(items).filter((each) => each !== '.links')).toEqual([name])
    expect(`${daemon.store}/${name}`).toBe(kept)
    expect(readdirSync(`${items}/.links`)).toEqual([])
    expect(existsSync(`${daemon.state}/db/db.sqlite-wal`)).toBe(false)
    await daemon.start()
    const again = await daemon.connect()
    expect(await again.isValid(kept)).toBe(true)
    expect(await again.isValid(large)).toBe(false)
    again.close()
    await daemon.stop()
  })
})
