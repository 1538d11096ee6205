// Where build logs are kept: `drvs/XX/REST`, XX the first two characters of the derivation's base name, compressed
// with gzip (.gz), or not.
import { createReadStream, existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { storeBaseName } from '@plumbline/common/store/store-path'

/** As build traces show it: with two slashes after XX, as guix-daemon does. */
export function logFileOf(logs: string, derivation: string, compressed: boolean): string {
  const base = storeBaseName(derivation)
  return `${logs}/drvs/${base.slice(0, 2)}//${base.slice(2)}${compressed ? '.gz' : ''}`
}

/** The log of a derivation's last build here, as it was printed; undefined if there is none. */
export function openLogFile(logs: string, derivation: string): Readable | undefined {
  const compressed = logFileOf(logs, derivation, true)
  if (existsSync(compressed)) return gunzip(compressed)
  const plain = logFileOf(logs, derivation, false)
  return existsSync(plain) ? createReadStream(plain) : undefined
}

/** What a gzip file holds, as far as it has been written. */
export function gunzip(file: string): Readable {
  const source = createReadStream(file)
  const gunzipped = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  source.on('error', (error) => gunzipped.destroy(error))
  return source.pipe(gunzipped)
}
