// Adds files and trees: their nars go to the daemon while they are read.
import { basename, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { textField } from '@plumbline/common/process/byte-text'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { hashAlgorithms, isHashAlgorithm } from '@plumbline/common/store/hash'
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Duplex } from 'node:stream'
import type { Context } from '../context.ts'
import { readPaths } from '../input-paths.ts'
import { readString } from '../queries.ts'
import { writeAll } from '../store-client.ts'

export async function add(context: Context): Promise<void> {
  const algorithm = context.option('hash') ?? 'sha256'
  const name = context.option('name')
  const recursive = !context.has('flat')
  if (!isHashAlgorithm(algorithm)) {
    throw new ToolError('USAGE', { reason: `--hash is one of ${hashAlgorithms.join(', ')}` })
  }
  let count = 0
  for await (const batch of readPaths(context)) {
    for (const file of batch) {
      context.tool.signal.throwIfAborted()
      try {
        // To resolve() it is the directory where we are.
        if (file === '')
          throw new ToolError('NAR_SOURCE_UNREADABLE', { path: file, reason: 'no such file or directory' })
        const path = await addFile(context, file, {
          name: name ?? basename(resolve(file)),
          algorithm,
          recursive,
        })
        await context.emit({ type: 'path', path: fromByteString(path), ...textField('source', file) })
        count++
      } catch (error) {
        await context.fail(error, { path: file })
        // In the middle of a nar the daemon can be told to forget it only so.
        if (error instanceof ToolError && error.code === 'NAR_SOURCE_UNREADABLE') await context.client.close()
      }
    }
  }
  await context.end({ added: count })
}

type Adding = { name: string; algorithm: string; recursive: boolean }

function addFile({ client }: Context, file: string, { name, algorithm, recursive }: Adding): Promise<string> {
  return client.call({
    op: callNumber.addToStore,
    write: (writer) => {
      const fixed = 1
      writer
        .string(toByteString(name))
        .int(fixed)
        .int(recursive ? 1 : 0)
        .string(algorithm)
    },
    send: (socket) => sendNar(socket, toByteString(resolve(file))),
    read: readString,
  })
}

async function sendNar(socket: Duplex, path: string): Promise<void> {
  // A step may give none, and its last one gives two.
  const blocks: Buffer[] = []
  for (const _ of dumpNarInSteps(path, (bytes) => void blocks.push(Buffer.from(bytes)))) {
    for (const block of blocks.splice(0)) await writeAll(socket, block)
  }
  for (const block of blocks) await writeAll(socket, block)
}
