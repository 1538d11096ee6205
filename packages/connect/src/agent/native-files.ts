// readfile and writefile by system calls, with the results of file-commands.ts.
import { constants, promises as fs, type Stats } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { Readable } from 'node:stream'
import type { WriteOptions } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf, toToolError } from '@plumbline/common/error/translate'
import { toFilePath } from '@plumbline/common/process/byte-text'
import { randomBytes } from '@plumbline/common/process/random-bytes'
import { chunkBytes } from '@plumbline/common/records/verb'

const permissions = 0o7777

export function readNative(path: string, host: string): Readable {
  return Readable.from(readChunks(path, host), { objectMode: false, highWaterMark: chunkBytes })
}

async function* readChunks(path: string, host: string): AsyncGenerator<Buffer> {
  try {
    const file = await fs.open(toFilePath(path))
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes)
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    const missing = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')
    throw new ToolError(missing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', {
      path,
      host,
      reason: reasonOf(error),
    })
  }
}

/** What makes sure that a temporary file does not outlive this process; `done` that it need not any more. */
export type Guard = (temporary: string) => Promise<() => void>

/** Gives the temporary file, told by its inode, the access of the one at the path, with the list that it may have. */
export type Keep = (path: string, temporary: string, inode: bigint) => Promise<unknown>

export async function writeNative(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: WriteOptions,
  { host, guard, keep }: { host: string; guard: Guard; keep: Keep },
): Promise<void> {
  const temporary = join(dirname(path), `.plumbline-${randomBytes(8).toString('hex')}`)
  let done: () => void = () => undefined
  try {
    const old = await findOld(path)
    if (old?.isDirectory()) throw new Error('Is a directory')
    if (old && !old.isFile()) throw new Error('it is not a regular file')
    done = await guard(temporary)
    const file = await fs.open(
      toFilePath(temporary),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      0o600,
    )
    try {
      const written = await writeAll(file, content)
      if (written !== (options.bytes ?? written)) throw new Error('the content ended early')
      await giveAccess(file, old?.isFile() ? old : undefined, options.mode)
      if (options.mode === undefined && old && mayHaveList(old)) {
        await keep(path, temporary, (await file.stat({ bigint: true })).ino)
      }
    } finally {
      await file.close()
    }
    await fs.rename(toFilePath(temporary), toFilePath(path))
  } catch (error) {
    await fs.rm(toFilePath(temporary), { force: true }).catch(() => undefined)
    if (error instanceof ContentFailed) throw toToolError(error.cause)
    throw new ToolError('FILE_UNWRITABLE', { path, host, reason: reasonOf(error) })
  } finally {
    done()
  }
}

/** Whoever sends the content has failed, not the file. */
class ContentFailed extends Error {}

async function writeAll(file: fs.FileHandle, content: AsyncIterable<Uint8Array>): Promise<number> {
  const chunks = content[Symbol.asyncIterator]()
  for (let written = 0; ;) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw new ContentFailed('', { cause })
    })
    if (next.done) return written
    await file.writeFile(next.value)
    written += next.value.length
  }
}

async function findOld(path: string): Promise<Stats | undefined> {
  return fs.stat(toFilePath(path)).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
}

/** Node does not see access lists; where there is one, the bits of the group are those of its mask. */
const mayHaveList = (old: Stats) => old.isFile() && (old.mode & constants.S_IRWXG) !== 0

/** What the file had that is replaced, unless told otherwise; its owner where the user may give it away. */
async function giveAccess(file: fs.FileHandle, old: Stats | undefined, mode: string | undefined) {
  if (old) await file.chown(old.uid, old.gid).catch(() => file.chown(-1, old.gid).catch(() => undefined))
  const kept = old ? old.mode & permissions : 0o644
  await file.chmod(mode === undefined ? kept : Number.parseInt(mode, 8))
}
