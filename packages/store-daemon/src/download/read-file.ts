// The bytes behind a file:// URL.
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'

export type ReadOptions = {
  maxBytes: number
  /** The daemon can read more than who named the file: only what everybody may read is read for them. */
  onlyPublic: boolean
  onStart?: (size: number) => void
}

const blockSize = 256 * 1024

/** Throws DOWNLOAD_REFUSED, with `status` 404 when it is not there. */
export function* readFileUrl(url: URL, options: ReadOptions): Generator<Buffer, void> {
  const fd = open(url)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw refused(url, 'it is no regular file')
    if (options.onlyPublic && !isPublic(fd)) throw refused(url, 'not everybody may read it')
    options.onStart?.(stat.size)
    for (let offset = 0; ;) {
      const block = Buffer.allocUnsafeSlow(Math.max(1, Math.min(blockSize, stat.size - offset)))
      const count = readSync(fd, block)
      if (count === 0) return
      offset += count
      if (offset > options.maxBytes) throw refused(url, `it is longer than ${options.maxBytes} bytes`)
      yield block.subarray(0, count)
    }
  } finally {
    closeSync(fd)
  }
}

function open(url: URL): number {
  try {
    // A FIFO or a terminal would be waited for.
    return openSync(fileURLToPath(url), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') throw refused(url, 'no such file', 404)
    throw refused(url, reasonOf(error))
  }
}

/** By the open file and not by its name, which may by now be another's. */
function isPublic(fd: number): boolean {
  if ((fstatSync(fd).mode & 0o004) === 0) return false
  let directory = dirname(readlinkSync(`/proc/self/fd/${fd}`))
  for (;;) {
    if ((statSync(directory).mode & 0o001) === 0) return false
    if (directory === '/') return true
    directory = dirname(directory)
  }
}

function refused(url: URL, reason: string, status?: number): ToolError {
  return new ToolError('DOWNLOAD_REFUSED', { url: url.href, reason, status })
}
