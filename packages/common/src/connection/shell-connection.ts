// A connection made of nothing but a way to start /bin/sh: the four verbs over BOOT (boot.ts), cancelled and cleaned
// up through the lifeline (lifeline.ts). Every hop of kind posix is this with another Entry.
import type { Readable } from 'node:stream'
import { signalStatus } from '../error/exit.ts'
import { ToolError } from '../error/tool-error.ts'
import { formatBoot, formatRun, formatShellCommand } from './boot.ts'
import type { Connection, Place, Running, RunRequest, WriteOptions } from './connection.ts'
import { Lifeline } from './lifeline-process.ts'
import { formatLifeline } from './lifeline.ts'
import { readfile, runlines, writefile } from './file-verbs.ts'
import type { Entry, RawProcess } from './raw-process.ts'
import { ShellProcess } from './shell-process.ts'
import { SpareShells } from './spare-shells.ts'
import { makeToken } from './token.ts'

/** How long a lifeline that nobody waits for may take, and a command that is cancelled before it has answered. */
const lazyLifelineMs = 10_000
const answerMs = 2000

/** The exit status of what was killed, whoever has passed it on. */
const killed = signalStatus(9)

export class ShellConnection implements Connection {
  readonly #entry: Entry
  readonly #token: string
  readonly #running = new Set<ShellProcess>()
  readonly lost: Promise<ToolError>
  #tellLost: (error: ToolError) => void = () => undefined
  readonly #spares: SpareShells
  #lifeline: Promise<Lifeline> | undefined
  /** The number of its process, to whom every shell here can look. */
  #lifelinePid: number | undefined
  /** The lifeline that there is has taken the place of one that was lost. */
  #isReplaced = false
  /** Of a shell that was ended by something else than its command, more may be left. */
  #isSwept = false
  #home: string | undefined
  readonly #isPlaceKnown: boolean
  #closed = false

  /** `place`: where it is, when that is known without asking. */
  constructor(entry: Entry, { token = makeToken(), place }: { token?: string; place?: Place } = {}) {
    this.#entry = entry
    this.#token = token
    this.#home = place?.home
    this.#isPlaceKnown = place !== undefined
    this.lost = new Promise((resolve) => (this.#tellLost = resolve))
    this.#spares = new SpareShells(() => this.#startShell())
  }

  get host(): string {
    return this.#entry.hop
  }

  /** Proves that the hop works, in one round trip, and learns where it has arrived. Throws what explain() says. */
  async establish({ changedUser, timeoutMs }: { changedUser: boolean; timeoutMs: number }): Promise<Place> {
    const lifeline = this.#startLifeline(changedUser, timeoutMs)
    this.#setLifeline(lifeline)
    // A hop's own shell and the command behind it come so soon after each other that no third could be ready.
    if (this.#entry.spare === 'always') this.#spares.prepare(2)
    const { place } = await lifeline
    if (this.#entry.spare === 'first') this.#spares.prepare(1)
    this.#home = place.home
    return place
  }

  run(request: RunRequest): Running {
    if (this.#closed) throw new ToolError('CONNECTION_LOST', { host: this.host, reason: 'it is closed' })
    const process = this.#spares.take() ?? this.#startShell()
    if (this.#entry.spare === 'always') this.#spares.prepare(1)
    // Where nothing had to be established, the lifeline starts with the first shell, and before that one has its
    // command: what runs without a lifeline would outlive us.
    if (!this.#lifeline) this.#setLifeline(this.#startLifeline(false, lazyLifelineMs))
    process.stdin.write(formatRun(this.#token, request, { home: this.#home, lifeline: this.#lifelinePid }))
    this.#running.add(process)
    const done = (status?: number) => {
      this.#running.delete(process)
      this.#isSwept ||= status === undefined || status > signalStatus(0)
      if (status === killed) void this.#endRest(process)
    }
    process.status.then(done, () => done())
    return {
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      status: process.status,
      cancel: () => void this.#cancel(process),
      leave: () => process.leave(),
    }
  }

  /** Has a file there removed when this process is lost; where no shell can be had, nobody does. */
  async guard(path: string): Promise<() => void> {
    if (!this.#lifeline) this.#setLifeline(this.#startLifeline(false, lazyLifelineMs))
    const lifeline = await this.#lifeline?.catch(() => undefined)
    return lifeline?.guard(path) ?? (() => undefined)
  }

  runlines(request: RunRequest): Promise<string[]> {
    return runlines(this, request)
  }

  readfile(path: string): Readable {
    return readfile(this, path)
  }

  writefile(path: string, content: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<void> {
    return writefile(this, path, content, options)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#spares.leave()
    const running = [...this.#running]
    await Promise.all(running.map((process) => process.left ?? this.#cancel(process)))
    const lifeline = await this.#lifeline?.catch(() => undefined)
    await (this.#isSwept ? lifeline?.sweep() : lifeline?.leave())
    if (this.#isReplaced || !lifeline) await this.#entry.sweep?.()
  }

  #start(text = formatBoot(this.#token)): RawProcess {
    return this.#entry.start(formatShellCommand(text), text)
  }

  #startShell(): ShellProcess {
    return new ShellProcess(this.#entry, this.#start(), this.#token)
  }

  #setLifeline(lifeline: Promise<Lifeline>): void {
    this.#lifeline = lifeline
    lifeline.then(
      ({ ended }) => ended.then((error) => this.#replace(error)),
      () => undefined,
    )
  }

  /** A lifeline that was killed has ended nothing: another takes its place, and does when the connection closes. */
  #replace(error: ToolError): void {
    if (this.#closed) return
    this.#lifelinePid = undefined
    if (!this.#isReplaced) {
      this.#isReplaced = this.#isSwept = true
      this.#entry.lost?.()
      this.#setLifeline(this.#startLifeline(false, lazyLifelineMs))
    }
    this.#tellLost(error)
  }

  async #startLifeline(changedUser: boolean, timeoutMs: number): Promise<Lifeline> {
    const text = formatLifeline(this.#token, { changedUser, tellsPlace: !this.#isPlaceKnown })
    const isCommand = this.#entry.readsInput || this.#entry.commandIsFree
    const raw = isCommand ? this.#start(text) : this.#start()
    const process = new ShellProcess(this.#entry, raw, this.#token)
    if (!isCommand) process.stdin.write(`${this.#token}${text}\n`)
    const lifeline = await Lifeline.open(process, timeoutMs)
    if (!this.#entry.isScattered) this.#lifelinePid = await process.pid()
    const said = this.#entry.entered ? await process.said() : undefined
    if (said !== undefined) this.#entry.entered?.(said)
    return lifeline
  }

  #cancel(process: ShellProcess): Promise<void> {
    return process.cancel(async () => {
      const group = await process.group(answerMs)
      const lifeline = group === undefined ? undefined : await this.#lifeline?.catch(() => undefined)
      // A command of another user, whom TERM from here does not reach, learns of it by the end of its input.
      if (group !== undefined) await lifeline?.end(group, () => process.stdin.end())
      process.abandon()
    })
  }

  /**
   * Where the shell was killed, and not its command, or sudo(8) and not the shell, the rest of them is still there,
   * and holds the output open. Who is above here ends what is not to be reached from here, once it is told.
   */
  async #endRest(process: ShellProcess): Promise<void> {
    process.cut()
    const group = await process.group(answerMs)
    const lifeline = await this.#lifeline?.catch(() => undefined)
    if (group !== undefined) await lifeline?.end(group, () => undefined)
  }
}
