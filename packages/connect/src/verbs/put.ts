// `connect put FILE PATH`.
import { ToolError } from '@plumbline/common/error/tool-error'
import { textField } from '@plumbline/common/process/byte-text'
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
      // Opened before anything is written there, so that a file that is missing here costs nothing.
      const { content, size } = openInputFile(file)
      const options = { ...(mode && { mode }), ...(size !== undefined && { bytes: size }) }
      try {
        await connection.writefile(path, content, options)
      } finally {
        content.destroy()
      }
      await tool.records.write({ type: 'file', host, ...textField('path', path), bytes: content.bytesRead })
      return 0
    }
  },
}
