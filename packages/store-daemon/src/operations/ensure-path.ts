// Makes sure that a path is valid.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { addTempRoot } from './roots.ts'

/** Throws STORE_FAILED: there is no substituter to ask. */
export async function ensurePath(session: Session, path: string): Promise<void> {
  await addTempRoot(session, path)
  if (session.store.database.idOf(path) !== undefined) return
  throw new ToolError('STORE_FAILED', { reason: `path \`${path}' does not exist and cannot be created` })
}
