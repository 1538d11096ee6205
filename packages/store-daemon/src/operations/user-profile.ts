// The directory of a user's profiles, made when that user first connects.
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@plumbline/common/error/translate'
import { exists } from '../store/remove-tree.ts'
import type { Store } from '../store/store.ts'

type User = { name: string; uid: number; gid: number }

/** Makes profiles/per-user/NAME for a user that exists; a name is a login name or a uid. */
export function makeUserProfile(store: Store, user: string | number): void {
  const found = findUser(user)
  if (!found || found.name.includes('/') || found.name.startsWith('.')) return
  const directory = join(store.config.state, 'profiles/per-user', found.name)
  // Asked for first: most connections are not somebody's first, and an error costs ten times the question.
  if (exists(directory)) return
  try {
    mkdirSync(directory, { mode: 0o755 })
    chownSync(directory, found.uid, found.gid)
  } catch (error) {
    // It is there; or this daemon is not root, and then nobody else's profiles are its business.
    if (!['EEXIST', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
  }
}

let entries: User[] | undefined

/** An entry of /etc/passwd. */
export function findUser(user: string | number): User | undefined {
  entries ??= readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
  return entries.find(({ name, uid }) => user === name || user === uid)
}
