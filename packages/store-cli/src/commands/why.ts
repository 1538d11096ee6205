// gc --why: the chain from a root to a path. Referrers are followed upwards until one of them is a root, which any
// daemon can answer; what is kept by no root that it names (by a running process, say), it is asked for by record.
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { encodeRecord } from '@plumbline/common/ndjson/encode'
import type { WireRecord } from '@plumbline/common/ndjson/decode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { textField } from '@plumbline/common/process/byte-text'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import type { Context } from '../context.ts'
import { collectGarbage, findRoots, isValid, queryReferrers } from '../queries.ts'
import type { StoreClient } from '../store-client.ts'

export async function explain(context: Context): Promise<void> {
  const [given = ''] = context.expectOperands(1, 'one PATH')
  const { client } = context
  const target = toByteString(given)
  let length = 0
  try {
    let chain = await followReferrers(client, target)
    if (chain.length === 0 && (await isValid(client, target))) {
      chain = (await askByRecord(await client.openTransport(), given)) ?? (await expectDead(client, target))
    }
    for (const record of chain) await context.emit({ ...record, type: 'path' })
    length = chain.length
  } catch (error) {
    await context.fail(error, { path: given })
  }
  await context.end({ paths: length })
}

async function followReferrers(client: StoreClient, target: string): Promise<WireRecord[]> {
  const roots = new Map((await findRoots(client)).map(({ link, target: path }) => [path, link]))
  const next = new Map<string, string | undefined>([[target, undefined]])
  const chain: WireRecord[] = []
  // A Map's keys can be added to while they are gone through: breadth first.
  for (const path of next.keys()) {
    const link = roots.get(path)
    if (link === undefined) {
      for (const referrer of await queryReferrers(client, path))
        if (!next.has(referrer)) next.set(referrer, path)
      continue
    }
    chain.push({ path: fromByteString(path), ...textField('root', fromByteString(link)) })
    for (let below = next.get(path); below !== undefined; below = next.get(below))
      chain.push({ path: fromByteString(below), root: null })
    break
  }
  return chain
}

/** Undefined from a daemon that speaks no records: guix-daemon closes the connection. Throws DAEMON_REFUSED. */
async function askByRecord(socket: Duplex, path: string): Promise<WireRecord[] | undefined> {
  const chain: WireRecord[] = []
  try {
    socket.write(encodeRecord({ type: 'why', path }))
    for await (const batch of readRecords(socket, { input: 'the store daemon' }))
      for (const { record } of batch) {
        const { type, message } = record
        if (type === 'path') chain.push(record)
        if (type === 'error') throw new ToolError('DAEMON_REFUSED', { message, status: 1 })
        if (type === 'end') return chain
      }
    return undefined
  } catch (error) {
    if (error instanceof ToolError && error.code === 'DAEMON_REFUSED') throw error
    return undefined
  } finally {
    socket.destroy()
  }
}

/** No chain, for what is dead. Throws STORE_FAILED for what is not. */
async function expectDead(client: StoreClient, target: string): Promise<[]> {
  const dead = await collectGarbage(client, { action: 'dead', paths: [], maxFreed: undefined })
  if (dead.paths.includes(target)) return []
  const reason = `${fromByteString(target)} is alive, but no root that the daemon names keeps it: perhaps a process uses it`
  throw new ToolError('STORE_FAILED', { reason })
}
