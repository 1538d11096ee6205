// Files of the service's cache folder: what could be made again. Whether one still fits is seen by its name, a digest
// (typescript-hooks.ts), or by what it begins with (compile-cache.ts).
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What is in it is run: of a user that the service had before, or of anybody else, nothing is. */
export function isTrustedCache(folder: string): boolean {
  const stat = statSync(folder, { throwIfNoEntry: false })
  return (
    stat !== undefined && (stat.uid === process.geteuid?.() || stat.uid === 0) && (stat.mode & 0o022) === 0
  )
}

/** Undefined when it is not there yet. */
export function readCacheFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/** Without room for it there is no cache, and no error: the next start makes the same again. */
export function writeCacheFile(path: string, data: Uint8Array | string): void {
  const scratch = `${path}.${process.pid}`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(scratch, data, { mode: 0o600 })
    renameSync(scratch, path)
  } catch {
    // There is nobody to tell.
  }
}
