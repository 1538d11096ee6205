// Files of equal contents share an inode: `.links/HASH`, HASH = nix-base32 of the sha256 of the file's own nar.
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  renameSync,
  rmSync,
  unlinkSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'
import { formatBase32 } from '@plumbline/common/store/base32'
import { toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { fault } from '../fault.ts'
import { scratchName } from './scratch-name.ts'

/** Smaller files are left alone: the link costs more than it saves. */
export const deduplicationMinimum = 8192

/** When all that is in a store was last changed; what is shared has its canonical form. */
const canonicalMs = 1000

export type Deduplicated = 'linked' | 'first' | 'same' | 'skipped'

/**
 * Makes the regular file `path` share the inode of its contents; `narHash` is the sha256 of its nar. The directory
 * keeps its mode and time. 'first': it is now the one that others will share.
 */
export function deduplicateFile(store: string, path: string, narHash: Uint8Array): Deduplicated {
  const link = linkOf(store, narHash)
  const stat = lstatSync(toPath(path))
  for (;;) {
    const known = statOf(link)
    if (!known) {
      if (tryLink(path, link)) return 'first'
      if (!statOf(link)) return 'skipped'
      continue
    }
    if (known.ino === stat.ino) return 'same'
    if (known.size !== stat.size || known.mtimeMs !== canonicalMs) {
      // Somebody changed the file through another of its names: start over with this one.
      rmSync(link, { force: true })
      continue
    }
    const replaced = replaceByLink(store, link, path)
    // A collection has just removed the link, which nobody used.
    if (replaced === undefined) continue
    return replaced ? 'linked' : 'skipped'
  }
}

/** The name that files of this hash share. */
export function linkOf(store: string, narHash: Uint8Array): string {
  return `${store}/.links/${formatBase32(narHash)}`
}

/** Undefined when there is no link any more. */
function replaceByLink(store: string, link: string, path: string): boolean | undefined {
  const directory = dirname(path)
  const scratch = `${store}/${scratchName('.tmp-link')}`
  try {
    linkSync(link, scratch)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    // Too many links, or a full disk: the file stays as it is.
    if (errnoOf(error) === 'EMLINK' || errnoOf(error) === 'ENOSPC') return false
    throw error
  }
  fault('link-before-rename')
  const mode = directory === store ? undefined : lstatSync(toPath(directory)).mode & 0o7777
  if (mode !== undefined) chmodSync(toPath(directory), mode | 0o200)
  try {
    renameSync(scratch, toPath(path))
    return true
  } catch (error) {
    unlinkSync(scratch)
    if (errnoOf(error) === 'EMLINK' || errnoOf(error) === 'ENOSPC') return false
    throw error
  } finally {
    if (mode !== undefined) {
      chmodSync(toPath(directory), mode)
      lutimesSync(toPath(directory), 1, 1)
    }
  }
}

/** False when the link is there already, or cannot be. */
function tryLink(path: string, link: string): boolean {
  try {
    linkSync(toPath(path), link)
    return true
  } catch (error) {
    if (['EEXIST', 'EMLINK', 'ENOSPC'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
