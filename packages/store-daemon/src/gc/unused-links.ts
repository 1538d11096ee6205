// Entries of `.links` that no item shares any more.
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'

/** Removes them, and returns the bytes that were held by nothing else since before this collection. */
export function removeUnusedLinks(store: string): number {
  let bytes = 0
  for (const name of readdirSync(`${store}/.links`)) {
    const link = `${store}/.links/${name}`
    const stat = lstatSync(link, { throwIfNoEntry: false })
    if (!stat || stat.nlink !== 1) continue
    unlinkSync(link)
    bytes += stat.size
  }
  return bytes
}
