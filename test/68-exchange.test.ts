// A closure of a thousand items goes from one store to others: as an export, and as substitutes from a folder and
// from Debian's nginx.
import { readdirSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import type { TestStore } from './support/store.ts'
import {
  copyFolder,
  etcOf,
  itemsOf,
  makeReader,
  publish,
  runCli,
  startNginx,
  startOrigin,
} from './support/substitutes.ts'
import { str } from './support/wire.ts'

const scratch = new Scratch('exchange')
const count = 1000
/** A thousand of everything takes a while on a busy machine. */
const patience = 240_000
const key = etcOf(scratch, 'origin')
const cache = scratch.file('cache')
const isRoot = process.getuid?.() === 0
let origin: TestStore
let top: string
let infos: Map<string, unknown>

/** Each item refers to up to three earlier ones: wide at the bottom, and some chains. */
async function makeClosure(daemon: TestStore): Promise<string> {
  const client = await daemon.connect()
  const paths: string[] = []
  for (let index = 0; index < count - 1; index++) {
    const references = [index - 1, Math.floor(index / 2), index - 37].flatMap((at) =>
      index % 3 !== 0 && at >= 0 && at < index ? (paths[at] ?? []) : [],
    )
    const text = `${references.join(' ')} ${'x'.repeat((index * 31) % 3000)}`
    paths.push(await client.addText(`item-${index}`, text, [...new Set(references)]))
  }
  const last = await client.addText('top', paths.join('\n'), paths)
  client.close()
  return last
}

function describeAll(daemon: TestStore): Map<string, unknown> {
  const all = runCli(daemon, ['requisites', top]).stdout
  const records = runCli(daemon, ['path-info'], all).records
  // When it became valid is its own matter.
  return new Map(records.map((info) => [String(info['path']), { ...info, registered: null }]))
}

async function startReader(name: string, ...args: string[]): Promise<TestStore> {
  const daemon = makeReader(scratch, name, key, { args })
  await daemon.start()
  return daemon
}

function checkAll(daemon: TestStore, name: string): void {
  expect(describeAll(daemon)).toEqual(infos)
  expect(readdirSync(itemsOf(scratch, name)).filter((each) => /^[0-9a-z]{32}-/.test(each))).toHaveLength(
    count,
  )
  expect(runCli(daemon, ['verify', '--contents']).records.at(-1)).toMatchObject({ ok: true })
}

beforeAll(async () => {
  if (!isRoot) return
  origin = await startOrigin(scratch, key)
  top = await makeClosure(origin)
  infos = describeAll(origin)
  publish(origin, cache, [top], key)
}, patience)

describe.skipIf(!isRoot)('a closure of a thousand items', { timeout: patience }, () => {
  it('goes from store to store as an export', async () => {
    const exported = runCli(origin, ['export', '--requisites', top])
    const daemon = await startReader('importer')
    const imported = runCli(daemon, ['import'], exported.stdout)
    expect(imported.records.at(-1)).toMatchObject({ ok: true, counts: { imported: count } })
    checkAll(daemon, 'importer')
    await daemon.stop()
  })

  it.each(['file', 'nginx'] as const)('goes as substitutes from %s', async (kind) => {
    const url = kind === 'file' ? `file://${cache}` : (await startNginx(scratch, cache)).http
    const daemon = await startReader(kind, '--substitute-urls', url)
    const ran = runCli(daemon, ['ensure', '--quiet', top])
    expect(ran.records).toMatchObject([{ valid: true }, { ok: true }])
    checkAll(daemon, kind)
    await daemon.stop()
  })

  it('is not half there when one item of it is not to be had', async () => {
    const [some = ''] = [...infos.keys()].filter((path) => path.endsWith('-item-500'))
    const bad = scratch.file('incomplete')
    copyFolder(cache, bad)
    writeFileSync(`${bad}/${some.slice(origin.store.length + 1, origin.store.length + 33)}.narinfo`, '')
    const daemon = await startReader('incomplete-reader', '--substitute-urls', `file://${bad}`)
    const client = await daemon.connect()
    await setOptions(client, { substitutes: true })
    await expect(client.call(10, str(top))).rejects.toThrow('does not exist and cannot be created')
    expect(client.log).toContain(some)
    expect(await client.isValid(top)).toBe(false)
    expect(runCli(daemon, ['verify', '--contents']).records.at(-1)).toMatchObject({ ok: true })
    client.close()
    await daemon.stop()
  })
})
