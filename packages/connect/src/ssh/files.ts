// Several small files in one command: those that are there and readable, in order.
import { buffer, text } from 'node:stream/consumers'
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteWord } from '@plumbline/common/process/quote'

/** Path to content, of the files that could be read. */
export async function readFiles(
  connection: Connection,
  paths: readonly string[],
): Promise<Map<string, Buffer>> {
  if (paths.length === 0) return new Map()
  const list = paths.map(quoteWord).join(' ')
  const command =
    `i=0; for f in ${list}; do if [ -f "$f" ] && [ -r "$f" ]; then ` +
    `printf '%s %s\\n' $i $(wc -c <"$f"); cat <"$f"; fi; i=$((i+1)); done`
  const running = connection.run({ command })
  running.stdin.end()
  running.stderr.resume()
  const [bytes] = await Promise.all([buffer(running.stdout), running.status])
  const files = new Map<string, Buffer>()
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at)
    const [index, size] = bytes.subarray(at, end).toString('latin1').split(' ').map(Number)
    const path = paths[index ?? -1]
    if (path === undefined || size === undefined || end < 0) break
    files.set(path, bytes.subarray(end + 1, end + 1 + size))
    at = end + 1 + size
  }
  return files
}

/** Standard output of a command, its status, and what it said on stderr. Throws HOP_TIMEOUT. */
export async function capture(
  connection: Connection,
  command: string,
  { hop, timeoutMs }: { hop: string; timeoutMs: number },
) {
  const running = connection.run({ command })
  running.stdin.end()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      running.cancel()
      reject(new ToolError('HOP_TIMEOUT', { hop, ms: timeoutMs }))
    }, timeoutMs)
  })
  const captured = Promise.all([text(running.stdout), text(running.stderr), running.status])
  captured.catch(() => undefined)
  try {
    const [stdout, stderr, status] = await Promise.race([captured, late])
    return { stdout, stderr, status }
  } finally {
    clearTimeout(timer)
  }
}
