// One process behind BOOT: its streams from the header on, and its status, or why BOOT never answered.
import type { Readable, Writable } from 'node:stream'
import { ToolError } from '../error/tool-error.ts'
import { within } from '../process/within.ts'
import { HeaderFilter } from './header-filter.ts'
import type { Entry, RawProcess } from './raw-process.ts'

/** Lines of a hop's stderr that its error quotes. */
const quotedLines = 5

/** Between two pieces of what was on its way when the shell was killed. */
const idleMs = 250

export class ShellProcess {
  readonly hop: string
  readonly token: string
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly status: Promise<number>
  readonly #entry: Entry
  readonly #raw: RawProcess
  readonly #out: HeaderFilter
  readonly #err: HeaderFilter
  #fail: (error: ToolError) => void = () => undefined
  #cancelled: Promise<void> | undefined
  #left: Promise<unknown> | undefined

  constructor(entry: Entry, raw: RawProcess, token: string) {
    this.#entry = entry
    this.#raw = raw
    this.hop = entry.hop
    this.token = token
    this.#out = new HeaderFilter(token, raw.stdout)
    this.#err = new HeaderFilter(token, raw.stderr)
    this.stdin = raw.stdin
    this.stdout = this.#out
    this.stderr = this.#err
    // The command may end without reading all its input; its status says what matters.
    raw.stdin.on('error', () => undefined)
    const failed = new Promise<never>((_, reject) => (this.#fail = reject))
    this.#err.onNoise = (noise) => {
      const error = entry.explain?.(noise, undefined)
      if (error) this.fail(error)
    }
    // Without a reader, the status alone tells of a stream that broke off.
    for (const stream of [this.#out, this.#err]) stream.on('error', () => undefined)
    this.status = Promise.race([failed, this.#judge()]).finally(() => this.#cancelled)
    this.status.catch(() => undefined)
  }

  /** Gives up on it with this error. */
  fail(error: ToolError): void {
    this.#fail(error)
    // What waits for input there, such as a second prompt, ends by itself.
    this.#raw.stdin.end()
    this.abandon()
  }

  /** The process group there, once BOOT has answered; undefined when it does not within `ms`. */
  async group(ms: number): Promise<number | undefined> {
    const ended = this.#raw.status.then(
      () => undefined,
      () => undefined,
    )
    const header = await within(Promise.race([this.#out.header, ended]), ms)
    return header === undefined ? undefined : Number.parseInt(header, 10)
  }

  /** The shell's own number, once BOOT has answered; undefined when it has ended instead. */
  async pid(): Promise<number | undefined> {
    const ended = this.status.then(undefined, () => undefined)
    const header = await Promise.race([this.#out.header, ended])
    return typeof header === 'string' ? Number(header.split(' ')[1]) : undefined
  }

  /** What was on stderr before BOOT answered; undefined when it has ended instead. */
  async said(): Promise<string | undefined> {
    const ended = this.status.then(undefined, () => undefined)
    const header = await Promise.race([this.#err.header, ended])
    return typeof header === 'string' ? this.#err.noise : undefined
  }

  /** Ends it by what `end` does; the status is then held back until all of it is gone. */
  cancel(end: () => Promise<void>): Promise<void> {
    this.#cancelled ??= end()
    return this.#cancelled
  }

  /** Waits no more for the end of its output than output comes. */
  cut(): void {
    this.#out.cut(idleMs)
    this.#err.cut(idleMs)
  }

  /** Once its input has ended: resolves when it needs nobody any more. */
  leave(): Promise<unknown> {
    this.#left ??= this.#raw.leave?.() ?? this.status.catch(() => undefined)
    return this.#left
  }

  /** Undefined while it has not been left. */
  get left(): Promise<unknown> | undefined {
    return this.#left
  }

  /** Tears the stream down without asking the far side, unless it has been let go of. */
  abandon(): void {
    if (!this.#left || !this.#raw.leave) this.#raw.cancel()
  }

  async #judge(): Promise<number> {
    const status = await this.#raw.status
    if (this.#out.open) return status
    // The status may overtake the last bytes of the streams, and the header with them.
    await Promise.all([settled(this.#out), settled(this.#err)])
    if (this.#out.open) return status
    const error =
      // What a login shell such as nologin has to say, it says on stdout.
      this.#entry.explain?.(`${this.#out.noise}${this.#err.noise}`, status) ??
      new ToolError('HOP_FAILED', {
        hop: this.hop,
        reason: lastLines(this.#err.noise || this.#out.noise, status),
      })
    throw error
  }
}

async function settled(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return
  await new Promise((resolve) => stream.once('end', resolve).once('close', resolve))
}

function lastLines(noise: string, status: number): string {
  const lines = noise
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const words = lines.slice(-quotedLines).join(' | ')
  return words || `its shell ended with status ${status}`
}
