// The last steps that every new item goes through, under the lock of its path.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Registration } from '../database/registrar.ts'
import type { Session } from '../session.ts'
import { lockPath, unlockPath } from '../store/path-locks.ts'
import { removeTree } from '../store/remove-tree.ts'

/**
 * Makes `path` valid unless it is: `place` puts it on disk, in place of whatever was left there, and says what to
 * register. What was placed is removed again when it cannot be registered.
 */
export async function addItem(
  session: Session,
  path: string,
  place: () => Promise<Registration> | Registration,
): Promise<void> {
  const { database, registrar, tempRoots } = session.store
  const waiting = tempRoots.add(session.roots, path)
  if (waiting) await waiting
  if (database.idOf(path) !== undefined) return
  await lockPath(path)
  try {
    // Another connection may have made it meanwhile.
    if (database.idOf(path) !== undefined) return
    const item = await place()
    for (const reference of item.references) {
      if (reference !== path && database.idOf(reference) === undefined) {
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
      }
      session.store.protectors.protect(reference)
    }
    await registrar.register(item)
  } catch (error) {
    removeTree(path)
    throw error
  } finally {
    unlockPath(path)
  }
}
