// A file of this machine as data.
import { statSync } from 'node:fs'
import { readInput } from '@plumbline/common/cli/input'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Data } from './data.ts'

/** `path` is absolute. Throws INPUT_FAILED, also when it is read. */
export function openFileData(path: string): Data {
  try {
    return { isSecret: false, bytes: statSync(path).size, open: () => readInput(path) }
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
