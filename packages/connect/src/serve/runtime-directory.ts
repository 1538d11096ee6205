// The directory of a process's sockets: nobody else may look into it.
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdtempSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privatePrefix } from '@plumbline/common/connection/stale-socket'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { makeFolder } from '@plumbline/common/process/make-folder'

/** sun_path holds 108 bytes with its NUL (unix(7)); a socket's name here is "/", 26 characters and ".sock". */
const longestDirectory = 107 - 32

export type RuntimeDirectory = {
  /** Throws CANNOT_CREATE. */
  path: () => string
  remove: (sockets: readonly string[]) => void
}

/**
 * `$XDG_RUNTIME_DIR/plumbline`, unless that is another user's, else a directory made for this process under the
 * temporary directory, right before the first socket in it: whoever is killed before leaves none. Throws
 * DIRECTORY_UNSAFE, CANNOT_CREATE.
 */
export function openRuntimeDirectory(environment: NodeJS.ProcessEnv): RuntimeDirectory {
  const base = environment['XDG_RUNTIME_DIR']
  if (base?.startsWith('/') && Buffer.byteLength(base) + 10 <= longestDirectory && !isForeign(base)) {
    const path = join(base, 'plumbline')
    makePrivate(path)
    return { path: () => path, remove: (sockets) => sockets.forEach(removeFile) }
  }
  const prefix = findTemporary()
  let made: string | undefined
  const remove = (sockets: readonly string[]) => {
    sockets.forEach(removeFile)
    if (made !== undefined) rmdirSync(made)
  }
  return { path: () => (made ??= makeTemporary(prefix)), remove }
}

/** su(1) leaves root the directory of another user, who could put their own sockets in the place of ours there. */
function isForeign(base: string): boolean {
  try {
    const uid = statSync(base, { throwIfNoEntry: false })?.uid
    return uid !== undefined && uid !== 0 && uid !== process.geteuid?.()
  } catch {
    return false
  }
}

function makePrivate(path: string): void {
  try {
    makeFolder(path, 0o700)
    const stat = lstatSync(path)
    if (!stat.isDirectory())
      throw new ToolError('DIRECTORY_UNSAFE', { path, reason: 'it is not a directory' })
    if (stat.uid !== process.geteuid?.()) {
      throw new ToolError('DIRECTORY_UNSAFE', { path, reason: 'it belongs to another user' })
    }
    if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700)
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }, { cause: error })
  }
}

/** What cannot be used is found out before anything is entered. */
function findTemporary(): string {
  const preferred = tmpdir()
  const parent = Buffer.byteLength(preferred) + 20 <= longestDirectory ? preferred : '/tmp'
  try {
    accessSync(parent, constants.W_OK | constants.X_OK)
    return join(parent, privatePrefix)
  } catch (error) {
    throw new ToolError('CANNOT_CREATE', { path: parent, reason: reasonOf(error) }, { cause: error })
  }
}

/** mkdtemp(3) makes it with mode 0700 under a name that did not exist. */
function makeTemporary(prefix: string): string {
  try {
    return mkdtempSync(prefix)
  } catch (error) {
    throw new ToolError('CANNOT_CREATE', { path: prefix, reason: reasonOf(error) }, { cause: error })
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Closing the server has removed it.
  }
}
