// What a daemon that was killed left in the store: items that were never registered, lock files, links that nothing
// shares. The main thread decides about each name, because it may be in use by now.
//
// Only what has come since the database was made: a daemon that is started with another state than it should be, because
// of a typing error or of a file system that is not mounted yet, knows nothing of what is in the store.
import { lstatSync, readdirSync, statSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { openConnection } from '../database/open.ts'
import { removeUnusedLink } from '../gc/unused-links.ts'
import { makeTurns, type Job } from './job.ts'

/** `before`: only what was last touched before that, in milliseconds since 1970, which is when the store was opened. */
export type SweepArgs = { store: string; database: string; before: number }

export const sweepStore: Job<SweepArgs, string[]> = (args) => findUnknown(args)

/** Names in the store that the database does not know. Removes links that nothing shares. */
export async function findUnknown({ store, database, before }: SweepArgs): Promise<string[]> {
  const turn = makeTurns()
  // That file is the last of a new database, and never written again.
  const birth = statSync(`${database}/schema`).mtimeMs
  const isLeft = (path: string) => {
    const stat = lstatSync(toPath(path), { throwIfNoEntry: false })
    return stat !== undefined && stat.ctimeMs < before && stat.ctimeMs >= birth
  }
  // Before the names: what is registered in between is then taken for known.
  const names = readdirSync(store, 'latin1').filter((name) => name !== '.links')
  const connection = openConnection(`${database}/db.sqlite`, { readonly: true, busyMs: 60_000 })
  const isValid = connection.prepare('select 1 from ValidPaths where path = ?')
  const unknown: string[] = []
  for (const name of names) {
    if (!isValid.get(`${store}/${name}`) && isLeft(`${store}/${name}`)) unknown.push(name)
    await turn()
  }
  connection.close()
  for (const name of readdirSync(`${store}/.links`)) {
    const link = `${store}/.links/${name}`
    if (isLeft(link)) removeUnusedLink(link)
    await turn()
  }
  return unknown
}
