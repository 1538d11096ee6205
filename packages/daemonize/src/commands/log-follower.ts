// Reads on in a log that may be renamed and made anew, several times between two looks.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { LineSplitter, type Line } from '@plumbline/common/ndjson/line-splitter'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
const blockBytes = 64 * 1024
const maxLine = 1024 * 1024

type Following = {
  path: string
  /** How many older files the keeper leaves beside it, as PATH.1, PATH.2… */
  rotated: number
  /** Told when files may be gone that were never read. */
  onLost: () => void
}

/** As it was when it was opened. */
type LogFile = { fd: number; ino: number; size: number; written: number }

export class LogFollower {
  readonly #log: Following
  #file: LogFile | undefined
  #offset = 0
  /** Where the last lines ended when they were looked for: a busy service writes faster than they are printed. */
  #end = 0
  readonly #splitter = new LineSplitter(maxLine)
  /** The bytes in it of a line that has not ended. */
  #unended = 0

  /** Throws INPUT_FAILED. */
  constructor(log: Following, lines: number) {
    this.#log = log
    this.#file = openLog(log.path)
    if (!this.#file) return
    this.#end = this.#file.size
    this.#offset = startOfLast(this.#file.fd, this.#end, lines)
  }

  /** Those, and none that has come since. */
  *readLast(): Generator<Line> {
    yield* this.#readOn(this.#end)
    yield* this.#endLine()
  }

  /** Throws INPUT_FAILED. */
  *read(): Generator<Line> {
    yield* this.#readOn()
    for (const file of this.#openNewer()) {
      // What came between the last look and the rotation.
      yield* this.#readOn()
      yield* this.#endLine()
      this.close()
      this.#file = file
      this.#offset = 0
      yield* this.#readOn()
    }
  }

  close(): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = undefined
  }

  /** What has come after the file that is read, the oldest first. */
  #openNewer(): LogFile[] {
    const { path, rotated, onLost } = this.#log
    const own = this.#file
    const newer = new Map<number, LogFile>()
    // A file moves to higher numbers only: whoever looks in their order misses none, and may see one twice.
    for (let n = 0; n <= (own ? rotated : 0); n++) {
      const file = n === 0 ? openLog(path) : openOlder(`${path}.${n}`)
      if (!file) continue
      const isOwn = file.ino === own?.ino
      // One that was cut off begins anew. One that was last written to before ours was opened is older.
      const isNewer = isOwn ? file.size < this.#offset : file.written >= (own?.written ?? 0)
      if (isNewer && !newer.has(file.ino)) newer.set(file.ino, file)
      else closeSync(file.fd)
      if (isOwn) return [...newer.values()].toReversed()
    }
    if (own && rotated > 0 && newer.size > rotated) onLost()
    return [...newer.values()].toReversed()
  }

  *#endLine(): Generator<Line> {
    yield* this.#splitter.end()
    this.#unended = 0
  }

  *#readOn(limit = Number.MAX_SAFE_INTEGER): Generator<Line> {
    const bytes = Buffer.alloc(blockBytes)
    for (;;) {
      const wanted = Math.min(blockBytes, limit - this.#offset)
      const length = this.#file ? readSync(this.#file.fd, bytes, 0, wanted, this.#offset) : 0
      if (length === 0) return
      this.#offset += length
      // A service may write without line ends: what is too long for one line comes as several.
      if (this.#unended + length > maxLine) yield* this.#endLine()
      const end = bytes.lastIndexOf(0x0a, length - 1)
      this.#unended = end < 0 ? this.#unended + length : length - 1 - end
      yield* this.#splitter.push(Buffer.from(bytes.subarray(0, length)))
    }
  }
}

/** Undefined when there is none. Throws INPUT_FAILED. */
function openLog(path: string): LogFile | undefined {
  let fd: number | undefined
  try {
    // What the service is given is a file of its own: a FIFO or a link in its place is somebody's trap.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const stat = fstatSync(fd)
    if (stat.isFile()) return { fd, ino: stat.ino, size: stat.size, written: stat.mtimeMs }
    throw new Error('not a regular file')
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    if (errnoOf(error) === 'ENOENT') return undefined
    const reason = errnoOf(error) === 'ELOOP' ? 'is a symbolic link' : reasonOf(error)
    throw new ToolError('INPUT_FAILED', { path, reason }, { cause: error })
  }
}

/** What is no log there is none that the keeper has rotated. */
function openOlder(path: string): LogFile | undefined {
  try {
    return openLog(path)
  } catch {
    return undefined
  }
}

/** Where the last `count` lines begin, found from the end. */
function startOfLast(fd: number, size: number, count: number): number {
  let end = size
  for (let left = count + 1; end > 0;) {
    const from = Math.max(0, end - blockBytes)
    const bytes = Buffer.alloc(end - from)
    readSync(fd, bytes, 0, bytes.length, from)
    // The line end at the very end ends the last line, and begins none.
    for (let at = bytes.length - (end === size ? 2 : 1); at >= 0; at--) {
      if (bytes[at] === 0x0a && --left === 1) return from + at + 1
    }
    end = from
  }
  return count === 0 ? size : 0
}
