// Makes sure that a path is valid.
import { ensureValid } from '../build/build-things.ts'
import type { Session } from '../session.ts'
import { addTempRoot } from './roots.ts'

/** Throws STORE_FAILED. */
export async function ensurePath(session: Session, path: string): Promise<void> {
  await addTempRoot(session, path)
  if (session.store.database.idOf(path) === undefined) await ensureValid(session, path)
}
