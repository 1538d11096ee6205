// The log of a build that is running: what the builder prints, kept for those who come later, and in its file.
//
// Most logs are short. They stay in memory and are written at once at the end; one that is longer, or a build that
// takes longer, is written as it comes.
import { createReadStream, createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { constants, createGzip, gzipSync, type Gzip } from 'node:zlib'
import { gunzip } from '@plumbline/common/store/build-log-file'

const inMemory = 64 * 1024
const withoutFile = 1024 * 1024
const spillMs = 2000

type Stream = { file: WriteStream; gzip: Gzip | undefined }

export class BuildLog {
  readonly #path: string | undefined
  readonly #compress: boolean
  readonly #timer: NodeJS.Timeout | undefined
  #memory: Buffer[] = []
  #stream: Stream | undefined
  /** Bytes so far. */
  length = 0

  /** Without a path, the log is for those who listen. */
  constructor(path: string | undefined, compress: boolean) {
    this.#path = path
    this.#compress = compress
    if (path !== undefined) this.#timer = setTimeout(() => this.#spill(), spillMs).unref()
  }

  /** A promise when the disk is behind. */
  write(bytes: Buffer): Promise<void> | undefined {
    this.length += bytes.length
    if (this.#stream) return this.#append(this.#stream, bytes)
    if (this.#path === undefined && this.length > withoutFile) return undefined
    this.#memory.push(bytes)
    if (this.length > inMemory) this.#spill()
    return undefined
  }

  /** All that has been written so far. */
  async *replay(): AsyncGenerator<Buffer> {
    const stream = this.#stream
    if (!stream || this.#path === undefined) {
      yield* this.#memory.slice()
      return
    }
    let left = this.length
    const { file, gzip } = stream
    if (gzip) {
      await untilDone(file, (done) => gzip.flush(constants.Z_SYNC_FLUSH, done))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await untilDone(file, (done) => file.write('', done))
    const source = stream.gzip ? gunzip(this.#path) : createReadStream(this.#path)
    for await (const chunk of source as AsyncIterable<Buffer>) {
      yield chunk.subarray(0, left)
      left -= chunk.length
      if (left <= 0) break
    }
  }

  /** Resolves when the file is complete. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#path === undefined) return
    if (!this.#stream) {
      const all = Buffer.concat(this.#memory)
      await writeInDirectory(this.#path, this.#compress ? compress(all) : all)
      return
    }
    const { file, gzip } = this.#stream
    if (file.destroyed) return
    const closed = new Promise<void>((resolve) => file.once('close', resolve))
    if (gzip) gzip.end()
    else file.end()
    await closed
  }

  #spill(): void {
    if (this.#stream || this.#path === undefined) return
    // A log that cannot be kept is no reason not to build.
    try {
      mkdirSync(dirname(this.#path), { recursive: true })
    } catch {
      // Then the file cannot be made either.
    }
    const file = createWriteStream(this.#path)
    file.on('error', () => file.destroy())
    const gzip = this.#compress ? createGzip() : undefined
    gzip?.pipe(file)
    this.#stream = { file, gzip }
    for (const bytes of this.#memory) void this.#append(this.#stream, bytes)
    this.#memory = []
  }

  #append({ file, gzip }: Stream, bytes: Buffer): Promise<void> | undefined {
    const target = gzip ?? file
    if (file.destroyed || target.write(bytes)) return undefined
    return new Promise((resolve) => {
      const done = () => {
        target.off('drain', done)
        file.off('close', done)
        resolve()
      }
      target.on('drain', done)
      file.on('close', done)
    })
  }
}

/** What goes through a file that has failed is never done. */
function untilDone(file: WriteStream, start: (done: () => void) => void): Promise<void> | undefined {
  if (file.destroyed) return undefined
  return new Promise((resolve) => {
    const done = () => {
      file.off('close', done)
      resolve()
    }
    file.on('close', done)
    start(done)
  })
}

const nothing = gzipSync('')

/** Most logs are empty or a few lines: deflate's usual quarter of a megabyte for each would keep the collector busy. */
function compress(log: Buffer): Buffer {
  if (log.length === 0) return nothing
  const windowBits = Math.min(15, Math.max(9, Math.ceil(Math.log2(log.length))))
  return gzipSync(log, { windowBits, memLevel: Math.max(1, windowBits - 7) })
}

async function writeInDirectory(path: string, bytes: Buffer): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch {
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
    } catch {
      // As above.
    }
  }
}
