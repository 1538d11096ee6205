// The logs of builds, where guix-daemon keeps them too: `drvs/XX/REST`, XX the first two characters of the derivation's
// base name, compressed with gzip (.gz) or bzip2 (.bz2), or not.
import { createReadStream, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { errnoOf, reasonOf } from '../error/translate.ts'
import { ToolError } from '../error/tool-error.ts'
import { storeBaseName } from './store-path.ts'

/** Without its ending. */
export function logNameOf(logs: string, derivation: string, separator = '/'): string {
  const base = storeBaseName(derivation)
  return `${logs}/drvs/${base.slice(0, 2)}${separator}${base.slice(2)}`
}

const readers: Readonly<Record<string, (file: string) => Readable>> = {
  '.gz': gunzip,
  '': (file) => createReadStream(file),
  '.bz2': (file) => {
    throw unreadable(file, 'it is compressed with bzip2, which is not known here (bzip2 -dc FILE shows it)')
  },
}

/** The log of a derivation's last build, as it was printed; undefined if there is none. Throws INPUT_FAILED, then or later. */
export function openBuildLog(logs: string, derivation: string): AsyncIterable<Buffer> | undefined {
  const name = logNameOf(logs, derivation)
  for (const [ending, open] of Object.entries(readers)) {
    const file = `${name}${ending}`
    if (isThere(file)) return readAll(file, open(file))
  }
  return undefined
}

/** What a gzip file holds, as far as it has been written. */
export function gunzip(file: string): Readable {
  const source = createReadStream(file)
  const gunzipped = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  source.on('error', (error) => gunzipped.destroy(error))
  return source.pipe(gunzipped)
}

async function* readAll(file: string, stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    // The numbers of zlib's errors are not the system's.
    const isDamaged = error instanceof Error && errnoOf(error)?.startsWith('Z_')
    throw unreadable(file, isDamaged ? `it is damaged: ${error.message}` : reasonOf(error), error)
  }
}

function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw unreadable(file, reasonOf(error), error)
  }
}

function unreadable(path: string, reason: string, cause?: unknown): ToolError {
  return new ToolError('INPUT_FAILED', { path, reason }, { cause })
}
