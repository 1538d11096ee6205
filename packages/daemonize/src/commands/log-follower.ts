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
  /** Those rotated away that have some of the last lines, the oldest first. */
  #older: { file: LogFile; offset: number }[] = []
  readonly #splitter = new LineSplitter(maxLine)
  /** The bytes in it of a line that has not ended. */
  #unended = 0

  /** Throws INPUT_FAILED. */
  constructor(log: Following, lines: number) {
    this.#log = log
    this.#file = openLog(log.path)
    let left = lines
    if (this.#file) {
      this.#end = this.#file.size
      ;({ offset: this.#offset, left } = startOfLast(this.#file.fd, this.#end, lines))
    }
    const seen = new Set([this.#file?.ino])
    for (let n = 1; n <= log.rotated && left > 0; n++) {
      const file = openOlder(`${log.path}.${n}`)
      if (!file) break
      if (seen.has(file.ino)) {
        // It has just been rotated.
        closeSync(file.fd)
        continue
      }
      seen.add(file.ino)
      const found = startOfLast(file.fd, file.size, left)
      this.#older.unshift({ file, offset: found.offset })
      left = found.left
    }
  }

  /** Those, and none that has come since. */
  *readLast(): Generator<Line> {
    yield* this.#readOlder()
    yield* this.#readOn(this.#end)
    yield* this.#endLine()
  }

  /** Throws INPUT_FAILED. */
  *read(): Generator<Line> {
    yield* this.#readOlder()
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

  *#readOlder(): Generator<Line> {
    const own = { file: this.#file, offset: this.#offset }
    for (const { file, offset } of this.#older.splice(0)) {
      this.#file = file
      this.#offset = offset
      yield* this.#readOn(file.size)
      yield* this.#endLine()
      this.close()
    }
    this.#file = own.file
    this.#offset = own.offset
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

/** Where the last `count` lines begin, found from the end; and how many it lacks. */
function startOfLast(fd: number, size: number, count: number): { offset: number; left: number } {
  let end = size
  let left = count + 1
  while (end > 0) {
    const from = Math.max(0, end - blockBytes)
    const bytes = Buffer.alloc(end - from)
    readSync(fd, bytes, 0, bytes.length, from)
    // The line end at the very end ends the last line, and begins none.
    for (let at = bytes.length - (end === size ? 2 : 1); at >= 0; at--) {
      if (bytes[at] === 0x0a && --left === 1) return { offset: from + at + 1, left: 0 }
    }
    end = from
  }
  // The first of them begins where the file does.
  return count === 0 ? { offset: size, left: 0 } : { offset: 0, left: size === 0 ? count : left - 2 }
}
