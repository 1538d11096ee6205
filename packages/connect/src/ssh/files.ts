// Several small files in one command: those that are there and readable, in order.
//
//   their places in the list, in one line; what wc(1) says of them: SIZE NAME, a line each, and a total if they are
//   several; then their bytes
import { buffer, text } from 'node:stream/consumers'
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteWord } from '@plumbline/common/process/quote'
import { within } from '@plumbline/common/process/within'

/** Path to content, of the files that could be read; none of a name with a newline. */
export async function readFiles(
  connection: Connection,
  paths: readonly string[],
): Promise<Map<string, Buffer>> {
  const wanted = paths.filter((path) => !path.includes('\n'))
  if (wanted.length === 0) return new Map()
  const list = wanted.map(quoteWord).join(' ')
  const command =
    `i=0 n=; set --; for f in ${list}; do if [ -f "$f" ] && [ -r "$f" ]; then n="$n $i"; set -- "$@" "$f"; fi; ` +
    'i=$((i+1)); done; [ $# = 0 ] || { echo $n; wc -c -- "$@"; cat -- "$@"; }'
  const running = connection.run({ command })
  running.stdin.end()
  running.stderr.resume()
  const [bytes] = await Promise.all([buffer(running.stdout), running.status])
  let at = 0
  const takeNumbers = () => {
    const end = bytes.indexOf(0x0a, at)
    const line = bytes.toString('latin1', at, end)
    at = end + 1
    return line.trim().split(/ +/).map(Number)
  }
  const found = bytes.length === 0 ? [] : takeNumbers()
  const sizes = found.map(() => takeNumbers()[0] ?? 0)
  if (found.length > 1) takeNumbers()
  const files = new Map<string, Buffer>()
  for (const [order, index] of found.entries()) {
    const path = wanted[index]
    const end = at + (sizes[order] ?? 0)
    if (path !== undefined) files.set(path, bytes.subarray(at, end))
    at = end
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
  const captured = Promise.all([text(running.stdout), text(running.stderr), running.status])
  captured.catch(() => undefined)
  const answer = await within(captured, timeoutMs)
  if (!answer) {
    running.cancel()
    throw new ToolError('HOP_TIMEOUT', { hop, ms: timeoutMs })
  }
  const [stdout, stderr, status] = answer
  return { stdout, stderr, status }
}
