// Entries of `.links` that no item shares any more. Their bytes have been counted with the item's last link.
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { fault } from '../fault.ts'

export function removeUnusedLinks(store: string): void {
  for (const name of readdirSync(`${store}/.links`)) {
    const link = `${store}/.links/${name}`
    if (lstatSync(link, { throwIfNoEntry: false })?.nlink !== 1) continue
    fault('gc-before-unlink')
    unlinkSync(link)
  }
}
