// Restores an item whose contents are not what was registered: from a substitute, or by building it again.
import { repairItem } from '../build/build-things.ts'
import type { Session } from '../session.ts'

/** Throws STORE_FAILED. */
export async function repairPath(session: Session, path: string): Promise<void> {
  await repairItem(session, path)
}
