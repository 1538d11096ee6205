// `connect get PATH`.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { textField, toFilePath } from '@plumbline/common/process/byte-text'
import type { Lower } from '../hop.ts'
import type { Verb } from './run-verb.ts'
import { saveFile } from './save-file.ts'

export const get: Verb = {
  isRaw: (tool) => tool.arguments.values['to'] === undefined,
  prepare: (tool) => {
    const { operands, values } = tool.arguments
    const [path] = operands
    if (path === undefined || operands.length > 1) {
      throw new ToolError('USAGE', { reason: 'connect get needs one path' })
    }
    const directory = values['to']?.[0]
    const taken = new Set<string>()
    return async (lower, alone) => {
      if (directory !== undefined) return save(tool, lower, { path, directory, taken })
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
  { path, directory, taken }: { path: string; directory: string; taken: Set<string> },
): Promise<number> {
  // A host's name is not ours to trust with a path.
  const file = join(directory, host.replaceAll('/', '_').replace(/^\.+$/, '_'))
  if (taken.has(file)) {
    throw new ToolError('CANNOT_CREATE', { path: file, reason: 'another connection has that host, too' })
  }
  taken.add(file)
  try {
    await mkdir(toFilePath(directory), { recursive: true })
    const bytes = await saveFile(file, connection.readfile(path), tool.signal)
    await tool.records.write({ type: 'file', host, ...textField('path', file), bytes })
    return 0
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError('CANNOT_CREATE', { path: file, reason: reasonOf(error) }, { cause: error })
  }
}
