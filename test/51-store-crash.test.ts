// The daemon is killed at every named point, and at random moments under load. After each start: what is valid is there
// and is what was registered, nothing that was acknowledged is lost, nothing that was not registered is left.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { root } from './support/shell.ts'
import { holdLock } from './support/record-lock.ts'
import { installKey, makeSigningKey } from './support/signing-key.ts'
import { TestStore } from './support/store.ts'
import { fileNar, int, str, type WireClient } from './support/wire.ts'

const scratch = new Scratch('store-crash')
const key = makeSigningKey()

/** The points, as they stand in the code: a new one is tested the day it is added. */
const points = findSources(join(root, 'packages/store-daemon/src')).flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/\bfault\('([a-z-]+)'\)/g)].map((match) => match[1] ?? ''),
)

function findSources(folder: string): string[] {
  return (
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      // Builds and substitutes have tests of their own.
      .filter((file) => !/^(build|substitute)\//.test(file))
      .map((file) => join(folder, file))
  )
}

/** Takes every step that changes anything, until the daemon dies; what it had acknowledged by then. */
async function useEverything(daemon: TestStore): Promise<string[]> {
  const acknowledged: string[] = []
  const attempt = async (action: (client: WireClient) => Promise<void>) => {
    const client = await daemon.connect().catch(() => undefined)
    if (!client) return
    await action(client).catch(() => undefined)
    client.close()
  }
  const bulk = Buffer.alloc(20_000, 'x')
  await attempt(async (client) => {
    for (let index = 0; index < 3; index++)
      acknowledged.push(await client.addText(`text-${index}`, `text ${index}`))
    // The second is linked to the first.
    for (const name of ['file', 'twin']) acknowledged.push(await client.addNar(name, fileNar(bulk)))
    acknowledged.push(await client.addNar('large', fileNar(Buffer.alloc(300_000, 'y'))))
    symlinkSync(acknowledged[0] ?? '', `${daemon.folder}/root`)
    await client.call(12, str(`${daemon.folder}/root`))
    await client.int()
  })
  let exported: Buffer = Buffer.alloc(0)
  await attempt(async (client) => {
    const garbage = await client.addText('garbage', 'garbage')
    const other = await client.addNar('other-garbage', fileNar(Buffer.alloc(10_000, 'g')))
    const referrer = await client.addText('referrer', 'of garbage', [garbage])
    exported = await client.exportItem(garbage)
    await client.collect(3, [garbage, other, referrer])
  })
  await attempt(async (client) => {
    acknowledged.push(...(await client.importItems(Buffer.concat([int(1), exported, int(0)]))))
  })
  await attempt(async (client) => {
    rmSync(await client.addText('lost', 'lost'))
    await client.verify(false)
    await client.call(34)
  })
  return acknowledged
}

/** Nothing wrong after a start, and all of `paths` valid and whole. */
async function expectSound(daemon: TestStore, paths: readonly string[]): Promise<void> {
  const client = await daemon.connect()
  // Waits for what the start has to tidy up.
  await client.call(13)
  await client.int()
  expect(await client.verify(true)).toBe(false)
  for (const path of paths) expect([path, await client.isValid(path)]).toEqual([path, true])
  await client.call(23)
  const valid = new Set((await client.list()).map((path) => path.slice(daemon.store.length + 1)))
  const strays = readdirSync(daemon.store).filter((name) => name !== '.links' && !valid.has(name))
  expect(strays).toEqual([])
  expect(readdirSync(`${daemon.state}/gcroots/auto`).filter((name) => name.includes('.tmp-'))).toEqual([])
  expect(readdirSync(`${daemon.state}/temproots`).filter((name) => name !== String(daemon.pid))).toEqual([])
  client.close()
}

describe('crash points', () => {
  it('are there', () => expect(points.length).toBeGreaterThan(16))

  it.each(points)('%s', async (point) => {
    const configuration = scratch.file(`etc-${point}`)
    installKey(configuration, key)
    const daemon = new TestStore(scratch, `point-${point}`, {
      env: { GUIX_CONFIGURATION_DIRECTORY: configuration },
    })
    // What a daemon before has left is the first thing to be removed; not what is older than the database.
    if (point === 'remove-before-items') {
      await daemon.start()
      await daemon.stop()
      writeFileSync(`${daemon.store}/left-behind`, '')
    }
    // Without another daemon on the store no lock file is needed, and that point never come to.
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    const neighbour = point === 'lock-taken' && (await holdLock(`${daemon.state}/db/big-lock`, 'shared'))
    const started = await daemon.start({ PLUMBLINE_FAULT: point }).catch((error: unknown) => error)
    const acknowledged = started ? [] : await useEverything(daemon)
    // A point that is never come to would test nothing.
    expect(await daemon.connect().catch(() => 'dead')).toBe('dead')
    await daemon.untilDead()
    if (neighbour) await neighbour.release()
    await daemon.start()
    // Without a root, a collection may have taken them: those of the first connection were never collected.
    await expectSound(daemon, acknowledged)
    await daemon.stop()
  })
})

const rounds = Number(process.env['CRASH_ROUNDS'] ?? 12)

describe('kill -9 at random moments', () => {
  it(
    `${rounds} times, while 8 clients add, root and collect`,
    async () => {
      const daemon = new TestStore(scratch, 'random')
      const rooted: string[] = []
      let number = 0
      for (let round = 0; round < rounds; round++) {
        await daemon.start()
        await expectSound(daemon, rooted)
        const clients = Array.from({ length: 8 }, (_, index) => work(daemon, index, rooted, () => number++))
        // The moment of the kill is what is random; nothing is expected to have happened by then.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 300))
        await daemon.stop('SIGKILL')
        await Promise.all(clients)
      }
      await daemon.start()
      await expectSound(daemon, rooted)
      await daemon.stop()
    },
    rounds * 5000,
  )
})

/** Adds and roots, or collects, until the daemon is gone. What is rooted when it is acknowledged must stay. */
async function work(daemon: TestStore, index: number, rooted: string[], next: () => number): Promise<void> {
  try {
    const client = await daemon.connect()
    for (;;) {
      if (index === 0) {
        await client.collect(2)
        continue
      }
      const number = next()
      const large = number % 5 === 0 ? Buffer.alloc(50_000, String(number)) : undefined
      const path = large
        ? await client.addNar(`nar-${number}`, fileNar(large))
        : await client.addText(`text-${number}`, `text ${number}`)
      if (number % 3 !== 0) continue
      const link = `${daemon.folder}/root-${number}`
      symlinkSync(path, link)
      await client.call(12, str(link))
      await client.int()
      rooted.push(path)
    }
  } catch {
    // Killed.
  }
}
