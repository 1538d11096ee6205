// Makes a directory with those above it, and says what is wrong with which of them.
import { ToolError } from '@plumbline/common/error/tool-error'
import { makeFolder } from '@plumbline/common/process/make-folder'

/** Whether it was not there. Throws STORE_CONFIG. */
export function makeDirectory(path: string): boolean {
  try {
    return makeFolder(path, 0o755)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    const { path: place, reason } = error.details
    throw new ToolError(
      'STORE_CONFIG',
      { reason: `cannot make directory \`${String(place)}': ${String(reason)}` },
      { cause: error },
    )
  }
}
