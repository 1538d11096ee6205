// Each file and each address of a service is one thing: what is written for one would be the end of the other.
// Pure: no I/O.
import { normalize } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Settings } from './settings.ts'
import { formatAddress } from './site.ts'

type Placed = Pick<Settings, 'conf' | 'pidfile' | 'state' | 'lock' | 'log' | 'repl' | 'listen'>

/** Throws CONFIG_INVALID. */
export function requireDistinct({ conf, pidfile, state, lock, log, repl, listen }: Placed): void {
  // Every port 0 is another one.
  const addresses = listen.filter(({ port }) => port !== 0).map(formatAddress)
  const places: [what: string, place: string | undefined][] = [
    ['the configuration', conf],
    ['"pidfile"', pidfile],
    ['the state beside "pidfile"', state],
    ['the lock beside "pidfile"', lock],
    ['"log"', 'path' in log ? log.path : undefined],
    ['"repl"', repl && 'socket' in repl ? repl.socket : undefined],
    ['"repl_token_file"', repl && 'tokenFile' in repl ? repl.tokenFile : undefined],
    ...addresses.map((address): [string, string] => ['"listen"', address]),
  ]
  const known = new Map<string, string>()
  for (const [what, given] of places) {
    if (given === undefined) continue
    const place = normalize(given)
    const other = known.get(place)
    if (other !== undefined) {
      const reason = other === what ? `${what} names ${place} twice` : `${place} is both ${other} and ${what}`
      throw new ToolError('CONFIG_INVALID', { where: conf, reason })
    }
    known.set(place, what)
  }
}
