// Removes trees.
import { errnoOf } from '@plumbline/common/error/translate'
import { fault } from '../fault.ts'
import { removeTree } from '../store/remove-tree.ts'
import type { Job } from './job.ts'

/** One that cannot be removed does not keep the others. */
export const removeItems: Job<{ paths: readonly string[] }, void> = async ({ paths }) => {
  let failure: unknown
  for (const path of paths) {
    fault('remove-before-items')
    try {
      removeTree(path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') failure = error
    }
  }
  if (failure) throw failure
}
