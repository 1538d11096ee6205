// A file that a verb reads on this machine; "-" is standard input, which is free only where no connections come in.
import { createReadStream, type ReadStream } from 'node:fs'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { toFilePath } from '@plumbline/common/process/byte-text'
import { ToolError } from '@plumbline/common/error/tool-error'

/** Throws USAGE. */
export function checkInputFile(path: string | undefined, { arguments: { flags } }: Tool): void {
  if (path !== '-' || flags.has('local')) return
  throw new ToolError('USAGE', {
    reason: 'Standard input holds the connections',
    hint: '-n starts at this machine',
  })
}

export function openInputFile(path: string): ReadStream {
  return path === '-' ? createReadStream('', { fd: 0, autoClose: false }) : createReadStream(toFilePath(path))
}
