// `connect put FILE PATH`.
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
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
      const stop = () => void content.destroy(tool.signal.reason as ToolError)
      tool.signal.addEventListener('abort', stop, { once: true })
      try {
        await connection.writefile(path, untilCancelled(content, tool.signal), options)
      } finally {
        tool.signal.removeEventListener('abort', stop)
        content.destroy()
      }
      await tool.records.write({ type: 'file', host, ...textField('path', path), bytes: content.bytesRead })
      return 0
    }
  },
}

/** Ctrl-C also ends whoever writes into a pipe to us: an end of content that comes with the signal is not the end. */
async function* untilCancelled(content: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  yield* content
  // A bound, for one that is blocked stays pending.
  for (let turns = 0; turns < 100 && hasPendingSignal(); turns++) await turn()
  // One that a thread has taken is told in the next turn of the event loop at the latest.
  await turn()
  await turn()
  signal.throwIfAborted()
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** One that the process has been sent, and no thread of it has taken yet (proc(5)). */
function hasPendingSignal(): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'latin1')
    return [...status.matchAll(/^(?:Sig|Shd)Pnd:\t(.*)$/gm)].some(([, set = '']) => /[^0]/.test(set))
  } catch {
    return false
  }
}
