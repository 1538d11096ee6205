// What a daemon that was killed left in the store: items that were never registered, lock files, links that nothing
// shares. The main thread decides about each name, because it may be in use by now.
import { lstatSync, readdirSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { openConnection } from '../database/open.ts'
import { removeUnusedLink } from '../gc/unused-links.ts'
import { makeTurns, type Job } from './job.ts'

/** `before`: only what was last touched before that, in milliseconds since 1970. */
export type SweepArgs = { store: string; database: string; before: number }

export const sweepStore: Job<SweepArgs, string[]> = (args) => findUnknown(args)

/** Names in the store that the database does not know. Removes links that nothing shares. */
export async function findUnknown({ store, database, before }: SweepArgs): Promise<string[]> {
  const turn = makeTurns()
  const isOlder = (path: string) => {
    const stat = lstatSync(toPath(path), { throwIfNoEntry: false })
    return stat !== undefined && stat.ctimeMs < before
  }
  // Before the names: what is registered in between is then taken for known.
  const names = readdirSync(store, 'latin1').filter((name) => name !== '.links')
  const connection = openConnection(`${database}/db.sqlite`, { readonly: true, busyMs: 60_000 })
  const isValid = connection.prepare('select 1 from ValidPaths where path = ?')
  const unknown: string[] = []
  for (const name of names) {
    if (!isValid.get(`${store}/${name}`) && isOlder(`${store}/${name}`)) unknown.push(name)
    await turn()
  }
  connection.close()
  for (const name of readdirSync(`${store}/.links`)) {
    const link = `${store}/.links/${name}`
    if (isOlder(link)) removeUnusedLink(link)
    await turn()
  }
  return unknown
}
