// A file of this machine as data.
// The promises by way of node:fs, which loads them when they are first used.
import { createReadStream, promises } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Data } from './data.ts'

/** Throws INPUT_FAILED, also when it is read. */
export async function openFileData(path: string): Promise<Data> {
  const fail = (error: unknown): never => {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
  const { size } = await promises.stat(path).catch(fail)
  const open = async function* () {
    // A small file is read at once: a stream takes longer to set up than to read.
    if (size <= smallFile) yield await promises.readFile(path).catch(fail)
    else yield* createReadStream(path) as AsyncIterable<Buffer>
  }
  return { isSecret: false, bytes: size, open }
}

const smallFile = 256 * 1024
