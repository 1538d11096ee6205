// Entries of `.links` that no item shares any more. Their bytes have been counted with the item's last link.
import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { fault } from '../fault.ts'

export function removeUnusedLinks(store: string): void {
  for (const name of readdirSync(`${store}/.links`)) {
    removeUnusedLink(`${store}/.links/${name}`)
  }
}

/** Does nothing to one that is shared, or that somebody else was faster to remove. */
export function removeUnusedLink(link: string): void {
  if (lstatSync(link, { throwIfNoEntry: false })?.nlink !== 1) return
  fault('gc-before-unlink')
  rmSync(link, { force: true })
}
