// Takes the compression off a nar while it arrives, whichever it has: the only file that imports fzstd.
import { Readable, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ToolError } from '@plumbline/common/error/tool-error'
import { ZstdWindow } from './zstd-window.ts'

type Sink = (bytes: Buffer) => void
type Decompress = (source: AsyncIterable<Buffer>, sink: Sink) => Promise<void>

const gzipBlock = 128 * 1024
// A block of zstd, four bytes at the least, may stand for 128 KiB: what one step can hold the thread up with.
const zstdStep = 4 * 1024

const decompressors: Readonly<Record<string, Decompress>> = {
  none: async (source, sink) => {
    for await (const chunk of source) sink(chunk)
  },
  gzip: async (source, sink) => {
    // In libuv's threads, beside the hashing and writing of what came before.
    const stream = pipeline(Readable.from(source), createGunzip({ chunkSize: gzipBlock }), () => undefined)
    for await (const chunk of stream) sink(chunk as Buffer)
  },
  zstd: async (source, sink) => {
    const { Decompress } = await import('fzstd')
    const window = new ZstdWindow()
    const stream = new Decompress((bytes) => sink(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
    for await (const chunk of source) {
      window.push(chunk)
      for (let at = 0; at < chunk.length; at += zstdStep) stream.push(chunk.subarray(at, at + zstdStep))
    }
    stream.push(new Uint8Array(0), true)
  },
}

export function isKnownCompression(name: string): boolean {
  return Object.hasOwn(decompressors, name)
}

export const knownCompressions = Object.keys(decompressors)

/** Each piece is done with when `sink` returns. Throws SUBSTITUTE_INVALID, and what source and sink throw. */
export async function decompress(
  compression: string,
  source: AsyncIterable<Buffer>,
  sink: Sink,
): Promise<void> {
  try {
    await decompressors[compression]?.(source, sink)
  } catch (error) {
    if (error instanceof ToolError) throw error
    // The numbers of zlib's errors are not the system's.
    const reason = `cannot decompress it as ${compression}: ${error instanceof Error ? error.message : error}`
    throw new ToolError('SUBSTITUTE_INVALID', { reason }, { cause: error })
  }
}
