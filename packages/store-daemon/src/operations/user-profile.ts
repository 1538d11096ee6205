// The directory of a user's profiles, made when that user first connects.
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { toByteString } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { exists } from '../store/remove-tree.ts'
import type { Store } from '../store/store.ts'

type User = { name: string; uid: number; gid: number }

/** Makes profiles/per-user/NAME for a user that exists; a name is a login name or a uid. */
export function makeUserProfile(store: Store, user: string | number): void {
  const found = findKnownUser(user)
  if (!found || found.name.includes('/') || found.name.startsWith('.')) return
  const directory = join(store.config.state, 'profiles/per-user', found.name)
  // Asked for first: most connections are not somebody's first, and an error costs ten times the question.
  if (exists(toByteString(directory))) return
  try {
    mkdirSync(directory, { mode: 0o755 })
    chownSync(directory, found.uid, found.gid)
  } catch (error) {
    // It is there; or this daemon is not root, and then nobody else's profiles are its business.
    if (!['EEXIST', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
  }
}

const file = '/etc/passwd'
/** What the file held when it was last read; useradd(8) puts another in its place. */
let known: { time: number; inode: number; users: User[]; until: number } | undefined
/** Who is in it stays for as long, for those who connect again and again; who is not may be in it by now. */
const trustMs = 1000

/** An entry of /etc/passwd, if there is such a file: a container may have none. */
export function findUser(user: string | number): User | undefined {
  const find = () => known?.users.find(({ name, uid }) => user === name || user === uid)
  const now = performance.now()
  const found = known && now < known.until ? find() : undefined
  if (found) return found
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (known?.time !== stat.mtimeMs || known.inode !== stat.ino)
    known = { time: stat.mtimeMs, inode: stat.ino, users: readUsers(), until: 0 }
  known.until = now + trustMs
  return find()
}

/** Nobody where the list cannot be read: who has no name is served all the same. */
export function findKnownUser(user: string | number): User | undefined {
  try {
    return findUser(user)
  } catch {
    return undefined
  }
}

function readUsers(): User[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}
