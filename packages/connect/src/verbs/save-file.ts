// A file of this machine that gets its content at once or not at all: what was there before stays until the new one is
// whole, and gives it its mode, and its owner where that may be.
import { randomBytes } from '@plumbline/common/process/random-bytes'
import { toFilePath } from '@plumbline/common/process/byte-text'
import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const permissions = 0o7777

/** Resolves to the number of bytes. Throws why the signal has come, and what Node throws. */
export async function saveFile(path: string, content: Readable, signal: AbortSignal): Promise<number> {
  const temporary = toFilePath(join(dirname(path), `.plumbline-${randomBytes(8).toString('hex')}`))
  try {
    const old = await fs.stat(toFilePath(path)).catch(() => undefined)
    const file = await fs.open(temporary, 'wx', old ? 0o600 : 0o666)
    if (old?.isFile()) {
      await file.chown(old.uid, old.gid).catch(() => undefined)
      await file.chmod(old.mode & permissions)
    }
    const out = file.createWriteStream()
    await pipeline(content, out, { signal })
    signal.throwIfAborted()
    await fs.rename(temporary, toFilePath(path))
    return out.bytesWritten
  } catch (error) {
    content.destroy()
    await fs.rm(temporary, { force: true }).catch(() => undefined)
    signal.throwIfAborted()
    throw error
  }
}
