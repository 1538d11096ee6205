// What a daemon that was killed left in the store: items that were never registered, lock files, links that nothing
// shares. The main thread decides about each name, because it may be in use by now.
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { openConnection } from '../database/open.ts'
import { makeTurns, type Job } from './job.ts'

export type SweepArgs = { store: string; database: string }

export const sweepStore: Job<SweepArgs, string[]> = (args) => findUnknown(args)

/** Names in the store that the database does not know. Removes links that nothing shares. */
export async function findUnknown({ store, database }: SweepArgs): Promise<string[]> {
  const turn = makeTurns()
  // Before the names: what is registered in between is then taken for known.
  const names = readdirSync(store, 'latin1').filter((name) => name !== '.links')
  const connection = openConnection(`${database}/db.sqlite`, { readonly: true, busyMs: 60_000 })
  const isValid = connection.prepare('select 1 from ValidPaths where path = ?')
  const unknown: string[] = []
  for (const name of names) {
    if (!isValid.get(`${store}/${name}`)) unknown.push(name)
    await turn()
  }
  connection.close()
  for (const name of readdirSync(`${store}/.links`)) {
    const link = `${store}/.links/${name}`
    if (lstatSync(link, { throwIfNoEntry: false })?.nlink === 1) unlinkSync(link)
    await turn()
  }
  return unknown
}
