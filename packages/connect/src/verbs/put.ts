// `connect put FILE PATH`.
import { createReadStream, type ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { textField, toFilePath } from '@plumbline/common/process/byte-text'
import { checkInputFile, openInputFile } from './input-file.ts'
import type { Verb } from './run-verb.ts'

export const put: Verb = {
  isRaw: () => false,
  prepare: (tool) => {
    const { operands, values } = tool.arguments
    const [file, path] = operands
    if (file === undefined || path === undefined || operands.length > 2) {
      throw new ToolError('USAGE', { reason: 'connect put needs a file and a path' })
    }
    checkInputFile(file, tool)
    const mode = values['mode']?.[0]
    if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) {
      throw new ToolError('USAGE', { reason: `--mode needs an octal mode such as 0644, not "${mode}"` })
    }
    return async ({ connection, host }) => {
      const { content, size } = await openContent(file)
      const options = { ...(mode && { mode }), ...(size !== undefined && { bytes: size }) }
      await connection.writefile(path, content, options)
      await tool.records.write({ type: 'file', host, ...textField('path', path), bytes: content.bytesRead })
      return 0
    }
  },
}

/** Opened before anything is written there, so that a file that is missing here costs nothing. */
async function openContent(path: string): Promise<{ content: ReadStream; size?: number }> {
  if (path === '-') return { content: openInputFile(path) }
  try {
    const handle = await open(toFilePath(path))
    const stat = await handle.stat()
    const content = createReadStream(toFilePath(path), { fd: handle, autoClose: true })
    return stat.isFile() ? { content, size: stat.size } : { content }
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
