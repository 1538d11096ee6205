// The commands that answer for each path by itself.
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { formatHash, parseHexHash } from '@plumbline/common/store/hash'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import type { Context } from '../context.ts'
import { readPaths } from '../input-paths.ts'
import * as queries from '../queries.ts'
import type { StoreClient } from '../store-client.ts'

type Answer = (client: StoreClient, path: string) => Promise<OutRecord[]>

const paths = (found: readonly string[]): OutRecord[] =>
  found.map((path) => ({ type: 'path', path: fromByteString(path) }))
const one = (path: string): OutRecord[] => [{ type: 'path', path: path === '' ? null : fromByteString(path) }]
const showHash = (hex: string) => formatHash('sha256', parseHexHash('sha256', hex))

const answers: Readonly<Record<string, Answer>> = {
  valid: async (client, path) => [
    { type: 'path', path: fromByteString(path), valid: await queries.isValid(client, path) },
  ],
  'path-info': async (client, path) => {
    const info = await queries.queryPathInfo(client, path)
    return [
      {
        type: 'path-info',
        path: fromByteString(path),
        hash: showHash(info.hash),
        deriver: info.deriver === '' ? null : fromByteString(info.deriver),
        references: info.references.map(fromByteString),
        registered: new Date(info.registered * 1000).toISOString().replace('.000Z', 'Z'),
        nar_size: info.narSize,
      },
    ]
  },
  hash: async (client, path) => [
    { type: 'path', path: fromByteString(path), hash: showHash(await queries.queryHash(client, path)) },
  ],
  references: async (client, path) => paths(await queries.queryReferences(client, path)),
  referrers: async (client, path) => paths(await queries.queryReferrers(client, path)),
  deriver: async (client, path) => one(await queries.queryDeriver(client, path)),
  derivers: async (client, path) => paths(await queries.queryDerivers(client, path)),
  outputs: async (client, path) => paths(await queries.queryOutputs(client, path)),
  'from-hash-part': async (client, part) => one(await queries.queryHashPart(client, part)),
}

export async function answerEachPath(context: Context): Promise<void> {
  const answer = answers[context.tool.arguments.command]
  for await (const batch of readPaths(context)) {
    for (const path of batch) {
      context.tool.signal.throwIfAborted()
      try {
        for (const record of (await answer?.(context.client, toByteString(path))) ?? [])
          await context.emit(record)
      } catch (error) {
        await context.fail(error, { path })
      }
    }
  }
}
