// Substitutes from servers that are as they should be: a folder, Debian's nginx over http and https, and Nix's own
// format; and what has been tampered with is refused.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { installKey, makeSigningKey } from './support/signing-key.ts'
import { Scratch } from './support/scratch.ts'
import type { TestStore } from './support/store.ts'
import {
  authorize,
  etcOf,
  itemsOf,
  makePeer,
  publish,
  runCli,
  startNginx,
  type Nginx,
} from './support/substitutes.ts'

const scratch = new Scratch('substitutes')
const key = scratch.file('key')
const cache = scratch.file('cache')
const isRoot = process.getuid?.() === 0
let origin: TestStore
let nginx: Nginx
/** What refers to what: top → left, right → base; base refers to itself. */
const items = { base: '', left: '', right: '', top: '', tree: '' }
let count = 0

async function makeReader(urls: string, more: { args?: string[]; env?: Record<string, string> } = {}) {
  const name = `reader-${count++}`
  authorize(etcOf(scratch, name), key)
  const daemon = makePeer(scratch, name, {
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
  installKey(key, makeSigningKey())
  origin = makePeer(scratch, 'origin')
  await origin.start()
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
    const { daemon, files } = await makeReader(url, { env })
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
})
