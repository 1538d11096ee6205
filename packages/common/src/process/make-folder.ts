// Makes a folder and those above it, of just that mode: whoever they are for gets there whatever the caller's umask is.
// Node's own recursive mkdir never returns where the kernel makes none (in /proc).
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { umask } from 'node:process'
import { ToolError } from '../error/tool-error.ts'
import { errnoOf, reasonOf } from '../error/translate.ts'

/** True when it is new. Throws CANNOT_CREATE. */
export function makeFolder(path: string, mode: number): boolean {
  try {
    // Most often it is there, and an error costs Node more than a look.
    if (isFolder(path)) return false
    const own = umask(0)
    try {
      mkdirSync(path, { mode })
    } finally {
      umask(own)
    }
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST' && isFolder(path)) return false
    // The folders above are for passing through, whoever this one is for.
    if (errno === 'ENOENT' && makeFolder(dirname(path), 0o755)) return makeFolder(path, mode)
    throw new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }, { cause: error })
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
