// Restores an item whose contents are not what was registered: from a substitute, or by building it again.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'

/** Throws STORE_FAILED: neither substitutes nor builds are there to repair from. */
export async function repairPath(_session: Session, path: string): Promise<void> {
  throw new ToolError('STORE_FAILED', { reason: `cannot repair path \`${path}'` })
}
