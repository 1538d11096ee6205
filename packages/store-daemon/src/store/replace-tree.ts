// Puts a tree in the place of another, so that the name never is without either.
import { renameSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { native } from '@plumbline/common/syscall/native'
import { exists, removeTree } from './remove-tree.ts'

/** `path` becomes what `replacement` was; what it was before is removed. Both are in one directory. */
export function replaceTree(replacement: string, path: string): void {
  if (!exists(path)) return renameSync(toPath(replacement), toPath(path))
  try {
    native().exchange(replacement, path)
  } catch (error) {
    // A file system that cannot: for a moment there is nothing of that name.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOSYS') throw error
    const old = `${replacement}.old`
    renameSync(toPath(path), old)
    renameSync(toPath(replacement), toPath(path))
    return void removeTree(old)
  }
  removeTree(replacement)
}
