// Items between stores: `export` writes a stream of them to standard output, `import` reads one.
import { stdout } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import { readInput } from '@plumbline/common/cli/input'
import { isTerminal } from '@plumbline/common/cli/terminal'
import { fromByteString } from '@plumbline/common/store/byte-string'
import { formatNumber } from '@plumbline/common/store/export-format'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import { readStrings } from '../queries.ts'
import { queryRequisites, sortTopologically } from '../requisites.ts'
import type { StoreClient } from '../store-client.ts'

export async function exportItems(context: Context): Promise<void> {
  if (stdout.isTTY)
    throw new ToolError('USAGE', { reason: 'An export is bytes: send it to a file or a pipe' })
  const given = await readAllPaths(context)
  const references = await queryRequisites(context.client, given)
  const wanted = new Set(given)
  const { records } = context.tool
  for (const path of sortTopologically(references)) {
    if (!context.has('requisites') && !wanted.has(path)) continue
    await records.writeBytes(formatNumber(1))
    await exportItem(context.client, path, !context.has('unsigned'), (bytes) => records.writeBytes(bytes))
  }
  await records.writeBytes(formatNumber(0))
}

export function exportItem(
  client: StoreClient,
  path: string,
  sign: boolean,
  onData: (bytes: Buffer) => Promise<void> | void,
): Promise<number> {
  return client.call({
    op: callNumber.exportPath,
    write: (writer) => void writer.string(path).int(sign ? 1 : 0),
    onData,
    read: (reader) => reader.int(),
  })
}

export async function importItems(context: Context): Promise<void> {
  if (isTerminal(0)) throw new ToolError('TERMINAL_INPUT', { what: 'an export' })
  const input = readInput('-', context.tool.signal)
  let rest: Buffer = Buffer.alloc(0)
  const onRead = async (max: number) => {
    while (rest.length === 0) {
      const next = await input.next()
      if (next.done) break
      rest = next.value
    }
    const piece = rest.subarray(0, max)
    rest = rest.subarray(piece.length)
    return piece
  }
  let paths: string[] = []
  try {
    paths = await context.client.call({
      op: callNumber.importPaths,
      onRead,
      read: readStrings,
    })
  } catch (error) {
    await context.fail(error)
  }
  for (const path of paths) await context.emit({ type: 'path', path: fromByteString(path) })
  await context.end({ imported: paths.length })
}
