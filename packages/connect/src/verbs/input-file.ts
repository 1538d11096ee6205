// A file that a verb reads on this machine; "-" is standard input, which is free only where no connections come in.
import { closeSync, constants, createReadStream, fstatSync, openSync, statSync, type Stats } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { toFilePath } from '@plumbline/common/process/byte-text'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'

/** Throws USAGE. */
export function checkInputFile(path: string | undefined, { arguments: { flags } }: Tool): void {
  if (path !== '-' || flags.has('local')) return
  throw new ToolError('USAGE', {
    reason: 'Standard input holds the connections',
    hint: '-n starts at this machine',
  })
}

const nonBlocking = constants.O_NONBLOCK

export type InputFile = { content: Readable & { bytesRead: number }; size?: number }

/**
 * Throws INPUT_FAILED. Nothing breaks off a read of a pipe, or the wait for a FIFO's writer, once a thread has begun it;
 * so both are left to the event loop.
 */
export function openInputFile(path: string): InputFile {
  try {
    const file = toFilePath(path)
    const fd =
      path === '-' ? 0 : openSync(file, constants.O_RDONLY | (isPipe(statSync(file)) ? nonBlocking : 0))
    const stat = fstatSync(fd)
    if (stat.isDirectory()) {
      closeSync(fd)
      throw new Error('is a directory')
    }
    if (isPipe(stat)) return { content: new Socket({ fd, readable: true, writable: false }) }
    const content = createReadStream(file, { fd, autoClose: fd > 0 })
    return stat.isFile() && fd > 0 ? { content, size: stat.size } : { content }
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}

function isPipe(stat: Stats): boolean {
  return stat.isFIFO() || stat.isSocket()
}
