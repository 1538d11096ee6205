// Removes trees, and what of `.links` only they used.
import { errnoOf } from '@plumbline/common/error/translate'
import { fault } from '../fault.ts'
import { removeUnusedLink } from '../gc/unused-links.ts'
import { removeTree } from '../store/remove-tree.ts'
import type { Job } from './job.ts'

export type RemoveItems = { paths: readonly string[]; links?: readonly string[] }

/** One that cannot be removed does not keep the others. */
export const removeItems: Job<RemoveItems, void> = async ({ paths, links = [] }) => {
  let failure: unknown
  for (const path of paths) {
    fault('remove-before-items')
    try {
      removeTree(path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') failure = error
    }
  }
  for (const link of links) removeUnusedLink(link)
  if (failure) throw failure
}
