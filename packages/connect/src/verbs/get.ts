// `connect get PATH`.
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { textField, toFilePath } from '@plumbline/common/process/byte-text'
import type { Lower } from '../hop.ts'
import type { Verb } from './run-verb.ts'

export const get: Verb = {
  isRaw: (tool) => tool.arguments.values['to'] === undefined,
  prepare: (tool) => {
    const { operands, values } = tool.arguments
    const [path] = operands
    if (path === undefined || operands.length > 1) {
      throw new ToolError('USAGE', { reason: 'connect get needs one path' })
    }
    const directory = values['to']?.[0]
    return async (lower, alone) => {
      if (directory !== undefined) return save(tool, lower, path, directory)
      if (!alone) throw new ToolError('USAGE', { reason: 'Several connections need --to DIRECTORY' })
      for await (const bytes of lower.connection.readfile(path))
        await tool.records.writeBytes(bytes as Buffer)
      return 0
    }
  },
}

async function save(
  tool: Tool,
  { connection, host }: Lower,
  path: string,
  directory: string,
): Promise<number> {
  // A host's name is not ours to trust with a path.
  const file = join(directory, host.replaceAll('/', '_').replace(/^\.+$/, '_'))
  try {
    await mkdir(toFilePath(directory), { recursive: true })
    const out = createWriteStream(toFilePath(file))
    await pipeline(connection.readfile(path), out)
    await tool.records.write({ type: 'file', host, ...textField('path', file), bytes: out.bytesWritten })
    return 0
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new ToolError('CANNOT_CREATE', { path: file, reason: reasonOf(error) }, { cause: error })
  }
}
