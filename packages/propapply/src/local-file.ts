// A file of this machine that a property sends.
// The promises by way of node:fs, which loads them when they are first used.
import { createReadStream, promises, type ReadStream } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'

export type LocalFile = { bytes: number; read: () => Promise<Buffer>; stream: () => ReadStream }

/** Throws INPUT_FAILED, also from read(). */
export async function openLocalFile(path: string): Promise<LocalFile> {
  const orFail = async <T>(action: Promise<T>): Promise<T> => {
    try {
      return await action
    } catch (error) {
      throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
    }
  }
  const { size } = await orFail(promises.stat(path))
  return { bytes: size, read: () => orFail(promises.readFile(path)), stream: () => createReadStream(path) }
}
