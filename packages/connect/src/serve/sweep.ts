// Sockets in the shared directory whose connect was killed before anybody was its client.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { removeStaleSocket } from '@plumbline/common/connection/stale-socket'

/** As identifiers are made: 26 digits of Crockford's base 32. */
const socketName = /^[0-9A-HJKMNP-TV-Z]{26}\.sock$/

/** A socket is bound a moment before it listens. */
const settledMs = 60_000

export async function sweepSockets(directory: string): Promise<void> {
  try {
    const paths = readdirSync(directory)
      .filter((name) => socketName.test(name))
      .map((name) => join(directory, name))
      .filter(
        (path) => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > settledMs,
      )
    await Promise.all(paths.map((path) => removeStaleSocket(path, 1)))
  } catch {
    // What cannot be swept harms nobody.
  }
}
