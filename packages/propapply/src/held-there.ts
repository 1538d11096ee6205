// Asks an agent how many calls at the beginning have nothing to do, by the code that tells it of this machine: holds.ts,
// built as one small file, is sent along. An agent without an answer leaves everything to the shell.
import { createHash } from 'node:crypto'
import { promises } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Connection } from '@plumbline/common/connection/connection'
import type { Call } from './property.ts'

const longestCompared = 512

let source: Promise<string> | undefined

export async function countHeldThere({ evaluate }: Connection, calls: readonly Call[]): Promise<number> {
  if (!evaluate) return 0
  source ??= promises.readFile(fileURLToPath(new URL('holds.far.js', import.meta.url)), 'utf8')
  const count = await evaluate(await source, calls.map(abridge))
  return typeof count === 'number' ? count : 0
}

/** Content that is worth its checksum is not sent to be compared: it may have to be sent once more, to be written. */
function abridge(call: Call): Call {
  const [
    name,
    path = '',
    length = '',
    perms = '',
    mode = '',
    user = '',
    group = '',
    parents = '',
    content = '',
  ] = call
  if (name !== 'has_content' || content.length <= longestCompared) return call
  const sha256 = createHash('sha256').update(content).digest('hex')
  return ['uploaded', path, length, sha256, '', perms, mode, user, group, parents]
}
