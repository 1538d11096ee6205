// A file with the nar of an item, compressed, as it comes from the daemon.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { PassThrough, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { drained } from '@plumbline/common/process/drained'
import { NarParser, type NarSink } from '@plumbline/common/store/nar/nar-parser'
import { writeWhole } from './whole-file.ts'

/** As narinfo files name them. */
const compressions = {
  gzip: () => createGzip({ level: 6 }),
  none: () => new PassThrough(),
} as const satisfies Record<string, () => Transform>

export type Compression = keyof typeof compressions

export const compressionNames = Object.keys(compressions) as Compression[]

export function isCompression(name: string): name is Compression {
  return Object.hasOwn(compressions, name)
}

type Run = (take: (bytes: Buffer) => Promise<void>) => Promise<unknown>

export type WrittenFile = { size: number; hash: Buffer }

const nothing = () => undefined
const noSink: NarSink = {
  directory: nothing,
  endDirectory: nothing,
  symlink: nothing,
  file: nothing,
  contents: nothing,
  endFile: nothing,
}

/** Writes `file` from an export of one item, of which only the nar is taken: `run` hands the bytes over. */
export function writeNarFile(file: string, compression: Compression, run: Run): Promise<WrittenFile> {
  return writeWhole(file, (scratch) => writeScratch(scratch, compression, run))
}

async function writeScratch(scratch: string, compression: Compression, run: Run): Promise<WrittenFile> {
  const parser = new NarParser(noSink)
  const compress: Transform = compressions[compression]()
  const hash = createHash('sha256')
  const written: WrittenFile = { size: 0, hash: Buffer.alloc(0) }
  compress.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    written.size += chunk.length
  })
  const writing = pipeline(compress, createWriteStream(scratch, { flags: 'wx' }))
  // Its failure is seen at the end, and must not be taken for one that nobody handles before.
  writing.catch(nothing)
  try {
    await run(async (bytes) => {
      if (parser.done) return
      const mine = bytes.subarray(0, parser.push(bytes))
      if (!compress.write(mine)) await drained(compress)
      if (compress.destroyed) await writing
    })
    parser.end()
    compress.end()
    await writing
  } catch (error) {
    compress.destroy()
    // What is open is not made again once it has been removed.
    await writing.catch(nothing)
    throw error
  }
  return { ...written, hash: hash.digest() }
}
