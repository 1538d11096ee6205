// Substitutes: `substitutes` says which paths servers offer, `ensure` gets those that are not valid.
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Context } from '../context.ts'
import { readPaths } from '../input-paths.ts'
import { querySubstitutes } from '../queries.ts'

async function setServers(context: Context): Promise<void> {
  const urls = context.option('substitute-urls')
  if (urls !== undefined) await context.client.setOptions({ 'substitute-urls': urls })
}

export async function listSubstitutes(context: Context): Promise<void> {
  await setServers(context)
  for await (const batch of readPaths(context)) {
    try {
      for (const found of await querySubstitutes(context.client, batch.map(toByteString))) {
        await context.emit({
          type: 'substitute',
          path: fromByteString(found.path),
          deriver: found.deriver === '' ? null : fromByteString(found.deriver),
          references: found.references.map(fromByteString),
          download_bytes: found.downloadSize || null,
          nar_bytes: found.narSize || null,
        })
      }
    } catch (error) {
      await context.fail(error)
    }
  }
}

export async function ensurePaths(context: Context): Promise<void> {
  await setServers(context)
  let valid = 0
  for await (const batch of readPaths(context)) {
    for (const path of batch) {
      try {
        await context.client.call({
          op: callNumber.ensurePath,
          write: (writer) => void writer.string(toByteString(path)),
          read: (reader) => reader.int(),
        })
        valid++
        await context.emit({ type: 'path', path, valid: true })
      } catch (error) {
        await context.fail(error, { path })
      }
    }
  }
  await context.end({ valid })
}
