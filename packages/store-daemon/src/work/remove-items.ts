// Removes trees.
import { removeTree } from '../store/remove-tree.ts'
import type { Job } from './job.ts'

export const removeItems: Job<{ paths: readonly string[] }, void> = async ({ paths }) => {
  for (const path of paths) removeTree(path)
}
