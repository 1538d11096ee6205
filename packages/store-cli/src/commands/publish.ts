// `publish DIR`: a directory that other stores get substitutes from, as file:// or behind any web server.
//
//   DIR/nix-cache-info           which store its items belong to
//   DIR/HASH.narinfo             what an item is, signed
//   DIR/nar/COMPRESSION/ITEM     its nar
import { createHash } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getuid } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import { fromByteString } from '@plumbline/common/store/byte-string'
import { formatHash, parseHexHash } from '@plumbline/common/store/hash'
import { formatNarinfo, formatSignedPart, type NarLocation } from '@plumbline/common/store/narinfo'
import { hashPartLength, storeBaseName } from '@plumbline/common/store/store-path'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import { compressionNames, isCompression, writeNarFile, type Compression } from '../publish/nar-file.ts'
import { defaultKeyFile, readSigningKey, type SigningKey } from '../publish/signing-key.ts'
import { writeWhole } from '../publish/whole-file.ts'
import { queryPathInfo } from '../queries.ts'
import { queryRequisites, sortTopologically } from '../requisites.ts'
import { exportItem } from './transfer.ts'

type Publication = { directory: string; compression: readonly Compression[]; key: SigningKey }

export async function publish(context: Context): Promise<void> {
  const [directory, ...operands] = context.operands
  if (directory === undefined) throw new ToolError('USAGE', { reason: 'Expected a directory' })
  const compression = chooseCompressions(context.tool.arguments.values['compression'] ?? ['gzip'])
  const { environment } = context.tool
  const key = readSigningKey(context.option('signing-key') ?? defaultKeyFile(environment, getuid?.() ?? 0))
  const given = await readAllPaths(context, operands)
  const counts = { published: 0, present: 0 }
  try {
    for (const path of sortTopologically(await queryRequisites(context.client, given))) {
      context.tool.signal.throwIfAborted()
      const file = join(directory, `${storeBaseName(path).slice(0, hashPartLength)}.narinfo`)
      if (existsSync(file)) counts.present++
      else {
        await publishItem(context, { directory, compression, key }, path, file)
        counts.published++
      }
    }
  } catch (error) {
    await context.fail(error)
  }
  await context.end(counts)
}

function chooseCompressions(names: readonly string[]): Compression[] {
  const unknown = names.find((name) => !isCompression(name))
  if (unknown === undefined) return names.filter(isCompression)
  throw new ToolError('USAGE', {
    reason: `--compression knows ${compressionNames.join(' and ')}, not "${unknown}"`,
  })
}

async function publishItem(
  context: Context,
  { directory, compression, key }: Publication,
  path: string,
  file: string,
): Promise<void> {
  const { client } = context
  const info = await queryPathInfo(client, path)
  const name = storeBaseName(path)
  await writeCacheInfo(directory, dirname(path))
  const urls: NarLocation[] = []
  for (const each of compression) {
    const written = await writeNarFile(join(directory, 'nar', each, name), each, (take) =>
      exportItem(client, path, false, take),
    )
    urls.push({
      url: `nar/${each}/${encodeURIComponent(name)}`,
      compression: each,
      fileSize: written.size,
      fileHash: formatHash('sha256', written.hash),
    })
  }
  const item = {
    storePath: path,
    narHash: formatHash('sha256', parseHexHash('sha256', info.hash)),
    narSize: info.narSize,
    references: info.references.map(storeBaseName),
    deriver: info.deriver === '' ? null : storeBaseName(info.deriver),
    system: null,
  }
  const covers = formatSignedPart(item)
  const signed = key.sign(createHash('sha256').update(covers, 'latin1').digest())
  const signature = { text: `1;plumbline;${Buffer.from(signed, 'latin1').toString('base64')}`, covers }
  // Last, and at once: whoever sees it finds the nars.
  await writeText(file, formatNarinfo({ ...item, urls, signature }))
  await context.emit({ type: 'path', path: fromByteString(path), narinfo: file })
}

async function writeCacheInfo(directory: string, store: string): Promise<void> {
  const file = join(directory, 'nix-cache-info')
  if (!existsSync(file)) await writeText(file, `StoreDir: ${store}\nWantMassQuery: 1\nPriority: 100\n`)
}

function writeText(file: string, text: string): Promise<void> {
  return writeWhole(file, (scratch) => writeFileSync(scratch, text, { encoding: 'latin1', flag: 'wx' }))
}
