// Makes a directory with those above it, and says what is wrong with which of them.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { ToolError } from '@plumbline/common/error/tool-error'
import { exists } from './remove-tree.ts'

/** Whether it was not there. Throws STORE_CONFIG. */
export function makeDirectory(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true }) !== undefined
  } catch (error) {
    const { place, reason } = findFault(path) ?? { place: path, reason: reasonOf(error) }
    throw new ToolError(
      'STORE_CONFIG',
      { reason: `cannot make directory \`${place}': ${reason}` },
      { cause: error },
    )
  }
}

/** Of a file system that is read-only, Node's recursive mkdir says that there is no such directory. */
function findFault(path: string): { place: string; reason: string } | undefined {
  let place = path
  while (dirname(place) !== place && !exists(dirname(place))) place = dirname(place)
  try {
    mkdirSync(place)
    return undefined
  } catch (error) {
    return errnoOf(error) === 'EEXIST' ? undefined : { place, reason: reasonOf(error) }
  }
}
