// The last steps that every new item goes through, under the lock of its path.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Registration } from '../database/registrar.ts'
import { removeUnusedLink } from '../gc/unused-links.ts'
import type { Session } from '../session.ts'
import { isBare, lockPath, unlockPath } from '../store/path-locks.ts'
import { exists, removeTree } from '../store/remove-tree.ts'

/** Another process has locked the path, and may be making it. */
export class LockedElsewhere extends Error {}

/** `isBare`: there is no lock file of ours. One that is there is another's: LockedElsewhere. */
type Place = (isBare: boolean) => Promise<Registration> | Registration

/**
 * Makes `path` valid unless it is: `place` puts it on disk, in place of whatever was left there, and says what to
 * register. What was placed is removed again when it cannot be registered. A `place` that `looks` finds by itself
 * whether there is one that is valid, or locked.
 */
export async function addItem(
  session: Session,
  path: string,
  place: Place,
  { looks = false } = {},
): Promise<void> {
  try {
    await addLocked(session, path, place, looks)
  } catch (error) {
    if (!(error instanceof LockedElsewhere)) throw error
    await addLocked(session, path, place, false)
  }
}

async function addLocked(session: Session, path: string, place: Place, looks: boolean): Promise<void> {
  const { database, registrar, tempRoots, soleUse } = session.store
  const waiting = tempRoots.add(session.roots, path)
  if (waiting) await waiting
  // Of a path that is not on disk the database need not be asked, which costs as much as writing it.
  const isThere = () => exists(path) && database.idOf(path) !== undefined
  if (!(looks && soleUse.take()) && isThere()) return
  const locking = lockPath(path, { looks })
  if (locking) await locking
  let item: Registration | undefined
  try {
    // Another connection, or process, may have made it meanwhile.
    if ((locking || !soleUse.take()) && isThere()) return
    const placing = place(isBare(path))
    item = placing instanceof Promise ? await placing : placing
    for (const reference of item.references) {
      if (reference !== path && database.idOf(reference) === undefined) {
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
      }
      session.store.protectors.protect(reference)
    }
    await registrar.register(item)
  } catch (error) {
    settle(item)
    // What was valid before is not ours to remove, nor what another process makes.
    if (!(error instanceof LockedElsewhere) && database.idOf(path) === undefined) {
      removeTree(path)
      for (const link of item?.links ?? []) removeUnusedLink(link)
    }
    throw error
  } finally {
    unlockPath(path)
  }
}

/** What is still being placed would come after its removal. */
function settle(item: Registration | undefined): void {
  try {
    item?.isPlaced?.()
  } catch {
    // That is why it could not be registered.
  }
}
