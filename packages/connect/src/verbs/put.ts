// `connect put FILE PATH`.
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Verb } from './run-verb.ts'

export const put: Verb = {
  isRaw: () => false,
  prepare: (tool) => {
    const { operands, values } = tool.arguments
    const [file, path] = operands
    if (file === undefined || path === undefined || operands.length > 2) {
      throw new ToolError('USAGE', { reason: 'connect put needs a file and a path' })
    }
    const mode = values['mode']?.[0]
    if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) {
      throw new ToolError('USAGE', { reason: `--mode needs an octal mode such as 0644, not "${mode}"` })
    }
    return async ({ connection, host }) => {
      const handle = await openFile(file)
      const stat = await handle.stat()
      const content = createReadStream(file, { fd: handle, autoClose: true })
      const options = { ...(mode && { mode }), ...(stat.isFile() && { bytes: stat.size }) }
      await connection.writefile(path, content, options)
      await tool.records.write({ type: 'file', host, path, bytes: content.bytesRead })
      return 0
    }
  },
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
