// Optimising beside what else goes on: collections, and the end of the daemon.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeCli, type TestStore } from './support/store.ts'
import { until } from './support/until.ts'
import type { WireClient } from './support/wire.ts'

const scratch = new Scratch('store-optimise')

/** Adds a tree with files that are large enough to be shared. */
function addTree(daemon: TestStore, name: string, contents: readonly string[]): void {
  const folder = scratch.file(name)
  mkdirSync(folder)
  for (const [index, text] of contents.entries()) writeFileSync(`${folder}/${index}`, text.padEnd(8192))
  execFileSync(process.execPath, [storeCli, 'add', '--socket', daemon.socket, folder], { env: environment() })
}

const optimise = (client: WireClient) => client.call(34).then(() => client.int())

it('is in the way of no collection that goes on beside it', async () => {
  const daemon = await startStore(scratch, 'beside', { args: ['--disable-deduplication'] })
  const same = Array.from({ length: 200 }, (_, index) => `${index}`)
  for (let round = 0; round < 5; round++) {
    for (let tree = 0; tree < 5; tree++)
      addTree(daemon, `tree-${round}-${tree}`, [...same, `${round} ${tree}`])
    const [optimiser, collector] = [await daemon.connect(), await daemon.connect()]
    await Promise.all([optimise(optimiser), collector.collect(2)])
    for (const each of [optimiser, collector]) each.close()
  }
  const last = await daemon.connect()
  await last.collect(2)
  last.close()
  expect(readdirSync(daemon.store)).toEqual(['.links'])
})

it('ends when the daemon does', async () => {
  const daemon = await startStore(scratch, 'ended', { args: ['--disable-deduplication'] })
  const files = Array.from({ length: 5000 }, (_, index) => `${index}`)
  addTree(daemon, 'many', files)
  const client = await daemon.connect()
  const optimising = optimise(client).catch(() => undefined)
  const links = () => readdirSync(`${daemon.store}/.links`).length
  await until(() => links() > 0)
  expect(await daemon.stop()).toBe('SIGTERM')
  await optimising
  expect(links()).toBeLessThan(files.length)
})
