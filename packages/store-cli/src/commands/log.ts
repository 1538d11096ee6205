// The log of a build, as it was printed: of a derivation, or of the one that made a path.
import { ToolError } from '@plumbline/common/error/tool-error'
import { openBuildLog } from '@plumbline/common/store/build-log-file'
import { toByteString } from '@plumbline/common/store/byte-string'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Context } from '../context.ts'
import { queryDeriver } from '../queries.ts'

export async function showLog(context: Context): Promise<void> {
  const [given = ''] = context.expectOperands(1, 'one PATH')
  const path = toByteString(given)
  const { client, tool } = context
  const write = (bytes: Buffer) => tool.records.writeBytes(Buffer.from(bytes))
  try {
    const derivation = path.endsWith('.drv') ? path : await queryDeriver(client, path)
    try {
      await client.call({
        op: callNumber.exportLog,
        write: (writer) => void writer.string(path).int(context.has('follow') ? 1 : 0),
        onData: write,
        read: (reader) => reader.int(),
      })
    } catch (error) {
      const file = isUnknownCall(error) ? openLocalLog(tool.environment, derivation) : undefined
      if (!file) throw error
      for await (const chunk of file) await write(chunk)
    }
  } catch (error) {
    await context.fail(error, { path: given })
  }
}

/** A guix-daemon: its logs are files of this machine, under names that are known. */
function isUnknownCall(error: unknown): boolean {
  return (
    error instanceof ToolError &&
    error.code === 'DAEMON_REFUSED' &&
    String(error.details['message']).startsWith('invalid operation')
  )
}

function openLocalLog(environment: NodeJS.ProcessEnv, derivation: string): AsyncIterable<Buffer> | undefined {
  return openBuildLog(environment['GUIX_LOG_DIRECTORY'] ?? '/var/log/guix', derivation)
}
