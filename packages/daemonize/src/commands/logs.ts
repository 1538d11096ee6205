// logs: the last lines of the service's log as `log` records, and with --follow those that come, over rotations.
import { closeSync, constants, fstatSync, openSync, readSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { bytesField } from '@plumbline/common/ndjson/bytes'
import { LineSplitter, type Line } from '@plumbline/common/ndjson/line-splitter'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Context } from './command.ts'

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
const blockBytes = 64 * 1024
const maxLine = 1024 * 1024
const defaultLines = 10

export async function logs(context: Context): Promise<undefined> {
  const { settings, values, flags } = context
  const { log, name } = settings
  if (log.kind !== 'file' && log.kind !== 'kept') {
    const reason = `its output goes to ${log.kind === 'none' ? 'nowhere' : `the ${log.kind}`}`
    throw new ToolError('SERVICE_FAILED', { action: 'show the log of', name, reason })
  }
  const count = Number(values['lines']?.[0] ?? defaultLines)
  if (!Number.isInteger(count) || count < 0) {
    throw new ToolError('USAGE', { reason: 'Option --lines needs a whole number' })
  }
  const follower = new LogFollower(log.path, count)
  const print = async (lines: Iterable<Line>) => {
    for (const { bytes } of lines)
      await context.records.write({ type: 'log', name, ...bytesField('text', bytes) })
  }
  if (flags.has('follow')) await untilAborted(context.signal, dirname(log.path), () => print(follower.read()))
  else await print(follower.readLast())
  follower.close()
  return undefined
}

/** Reads on in a file that may be renamed and made anew. */
class LogFollower {
  readonly #path: string
  #fd: number | undefined
  #offset = 0
  /** Where the last lines ended when they were looked for: a busy service writes faster than they are printed. */
  #end = 0
  #splitter = new LineSplitter(maxLine)

  constructor(path: string, lines: number) {
    this.#path = path
    this.#open()
    if (this.#fd === undefined) return
    this.#end = fstatSync(this.#fd).size
    this.#offset = startOfLast(this.#fd, this.#end, lines)
  }

  /** Those, and none that has come since. */
  *readLast(): Generator<Line> {
    yield* this.#readOn(this.#end)
    yield* this.#splitter.end()
  }

  *read(): Generator<Line> {
    yield* this.#readOn()
    if (this.#fd === undefined || !this.#isCurrent()) {
      // What came between the last look and the rotation.
      yield* this.#readOn()
      yield* this.#splitter.end()
      this.close()
      this.#open()
      yield* this.#readOn()
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(): void {
    this.#offset = 0
    this.#splitter = new LineSplitter(maxLine)
    try {
      // What the service is given is a file of its own: a FIFO or a link in its place is somebody's trap.
      const fd = openSync(this.#path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      this.#fd = fd
      if (!fstatSync(fd).isFile()) throw new Error('not a regular file')
    } catch (error) {
      this.close()
      if (errnoOf(error) === 'ENOENT') return
      const reason = errnoOf(error) === 'ELOOP' ? 'is a symbolic link' : reasonOf(error)
      throw new ToolError('INPUT_FAILED', { path: this.#path, reason }, { cause: error })
    }
  }

  #isCurrent(): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false })
    return this.#fd !== undefined && now?.ino === fstatSync(this.#fd).ino && now.size >= this.#offset
  }

  *#readOn(end = Number.MAX_SAFE_INTEGER): Generator<Line> {
    const bytes = Buffer.alloc(blockBytes)
    for (;;) {
      const wanted = Math.min(blockBytes, end - this.#offset)
      const length = this.#fd === undefined ? 0 : readSync(this.#fd, bytes, 0, wanted, this.#offset)
      if (length === 0) return
      this.#offset += length
      yield* this.#splitter.push(Buffer.from(bytes.subarray(0, length)))
    }
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

function untilAborted(signal: AbortSignal, folder: string, print: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let printing = Promise.resolve()
    const printOn = () => {
      printing = printing.then(print)
      printing.catch(reject)
    }
    const watcher = watchFolder(folder, printOn)
    // Only once it is watched: what comes meanwhile is not missed.
    printOn()
    signal.addEventListener('abort', () => {
      watcher.close()
      resolve()
    })
  })
}

function watchFolder(path: string, listener: () => void): FSWatcher {
  try {
    return watch(path, listener)
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
