// Servers that one user names, and that never come to an end: what everybody else gets from the daemon's own.
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { setOptions } from './support/build.ts'
import { FaultServer } from './support/fault-server.ts'
import { Scratch } from './support/scratch.ts'
import { freePort, itemsOf, makeReader, publish, startOrigin } from './support/substitutes.ts'
import { until } from './support/until.ts'
import { str, WireClient } from './support/wire.ts'

const scratch = new Scratch('strangers')
/** More than there are downloads at a time. */
const many = 9

describe.skipIf(process.getuid?.() !== 0)('a server that a user has named, and that sends no more', () => {
  it('keeps nobody else from an item, nor from a download', async () => {
    const [key, cache] = [scratch.file('key'), scratch.file('cache')]
    const origin = await startOrigin(scratch, key)
    const writer = await origin.connect()
    const items: string[] = []
    for (let index = 0; index <= many; index++) items.push(await writer.addText(`item-${index}`, `${index}`))
    writer.close()
    publish(origin, cache, items, key)
    const good = new FaultServer(scratch, cache)
    const slow = new FaultServer(scratch, cache)
    await good.start()
    await slow.start()
    const waiting: string[] = []
    for (const item of items) slow.faults.set(`nar/gzip/${basename(item)}`, () => void waiting.push(item))
    const port = await freePort()
    const socket = scratch.file('reader/state/daemon-socket/socket')
    const reader = makeReader(scratch, 'reader', key, {
      args: ['--substitute-urls', good.url, '--listen', socket, '--listen', `127.0.0.1:${port}`],
    })
    await reader.start()
    const held = items.slice(0, many)
    const strangers = await Promise.all(held.map(() => WireClient.openTcp(port)))
    for (const [index, stranger] of strangers.entries()) {
      await setOptions(stranger, { substitutes: true, settings: { 'substitute-urls': slow.url } })
      stranger.call(10, str(held[index] ?? '')).catch(() => undefined)
    }
    await until(() => waiting.length >= 8)
    const client = await reader.connect()
    await setOptions(client, { substitutes: true })
    for (const item of items) {
      await client.call(10, str(item))
      await client.int()
      expect(existsSync(`${itemsOf(scratch, 'reader')}/${basename(item)}`)).toBe(true)
    }
    for (const stranger of strangers) stranger.close()
    client.close()
    await reader.stop()
    const left = readdirSync(itemsOf(scratch, 'reader')).filter((name) => !name.startsWith('.'))
    expect(left.sort()).toEqual(items.map((item) => basename(item)).sort())
  })

  it('has what it sends accepted, and once', async () => {
    const [key, cache] = [scratch.file('key'), scratch.file('cache')]
    const port = await freePort()
    const server = new FaultServer(scratch, cache)
    await server.start()
    const socket = scratch.file('other/state/daemon-socket/socket')
    const reader = makeReader(scratch, 'other', key, {
      args: ['--listen', socket, '--listen', `127.0.0.1:${port}`],
    })
    await reader.start()
    const two = await Promise.all([WireClient.openTcp(port), WireClient.openTcp(port)])
    const [info] = readdirSync(`${cache}/nar/gzip`)
    const item = `${scratch.file('store')}/${info}`
    for (const each of two) {
      await setOptions(each, { substitutes: true, settings: { 'substitute-urls': server.url } })
    }
    await Promise.all(two.map((each) => each.call(10, str(item))))
    expect(await two[0]?.take(8).then(() => two[0]?.isValid(item))).toBe(true)
    for (const each of two) each.close()
    await reader.stop()
    const left = readdirSync(itemsOf(scratch, 'other')).filter((name) => !name.startsWith('.'))
    expect(left).toEqual([info])
  })
})
