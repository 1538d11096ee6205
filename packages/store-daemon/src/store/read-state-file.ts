// Reads a file of the state, and says which one it was that could not be read.
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, isOutOfFiles, reasonOf } from '@plumbline/common/error/translate'

/** A byte string; undefined when there is no such file. Throws STORE_FAILED. */
export function readStateFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (isOutOfFiles(error)) throw error
    throw new ToolError(
      'STORE_FAILED',
      { reason: `cannot read \`${file}': ${reasonOf(error)}` },
      { cause: error },
    )
  }
}
