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
  const print = async () => {
    for (const { bytes } of follower.read())
      await context.records.write({ type: 'log', name, ...bytesField('text', bytes) })
  }
  await print()
  if (flags.has('follow')) await untilAborted(context.signal, dirname(log.path), print)
  follower.close()
  return undefined
}

/** Reads on in a file that may be renamed and made anew. */
class LogFollower {
  readonly #path: string
  #fd: number | undefined
  #offset = 0
  #splitter = new LineSplitter(maxLine)

  constructor(path: string, lines: number) {
    this.#path = path
    this.#open()
    if (this.#fd !== undefined) this.#offset = startOfLast(this.#fd, lines)
  }

  *read(): Generator<Line> {
    yield* this.#readOn()
    if (this.#fd === undefined || !this.#isCurrent()) {
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

  *#readOn(): Generator<Line> {
    const bytes = Buffer.alloc(blockBytes)
    for (;;) {
      const length = this.#fd === undefined ? 0 : readSync(this.#fd, bytes, 0, blockBytes, this.#offset)
      if (length === 0) return
      this.#offset += length
      yield* this.#splitter.push(Buffer.from(bytes.subarray(0, length)))
    }
  }
}

/** Where the last `count` lines begin, found from the end. */
function startOfLast(fd: number, count: number): number {
  const { size } = fstatSync(fd)
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
    const watcher = watchFolder(folder, () => {
      printing = printing.then(print)
      printing.catch(reject)
    })
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
