// Files that are there whole or not at all, in a directory where others may write too.
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pid } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { hashPartLength } from '@plumbline/common/store/store-path'

/**
 * `write` fills another file, which has to be made anew (`wx`): what is there could be a link to elsewhere. Another run
 * has another one. Throws CANNOT_CREATE for what system calls say.
 */
export async function writeWhole<T>(file: string, write: (scratch: string) => T | Promise<T>): Promise<T> {
  // Beside it, and with a name that is never too long.
  const scratch = join(dirname(file), `.${basename(file).slice(0, hashPartLength)}.${pid}.part`)
  try {
    mkdirSync(dirname(file), { recursive: true })
    rmSync(scratch, { force: true })
    const result = await write(scratch)
    renameSync(scratch, file)
    return result
  } catch (error) {
    rmSync(scratch, { force: true })
    if (!isSystemError(error)) throw error
    throw new ToolError('CANNOT_CREATE', { path: file, reason: reasonOf(error) }, { cause: error })
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
