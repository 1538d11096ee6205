// The builds of a store that are running: what several clients want is built once, all of them see its log, and it is
// cancelled when the last of them has left.
import { setMaxListeners } from 'node:events'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Store } from '../store/store.ts'
import type { BuildLog } from './build-log.ts'
import type { BuildSink } from './build-sink.ts'
import { OrphanWatch } from './orphans.ts'
import { SandboxProcess } from './sandbox-process.ts'

type Member = {
  sink: BuildSink
  /** Those who only listen neither keep a build alive nor slow it down. */
  wants: boolean
  /** What has been printed while it still reads what was before, and until when it does. */
  queue: Buffer[] | undefined
  catchingUp: Promise<void> | undefined
  /** Bytes that it has not taken yet, and that it was not given any more. */
  behind: number
  skipped: number
}

/** A client that is further behind than that loses what the others already have. */
const maxBehind = 8 * 1024 * 1024

export class SharedBuild implements BuildSink {
  readonly #log: BuildLog
  readonly #logFile: string
  readonly #members = new Set<Member>()
  readonly #controller = new AbortController()
  readonly #said: ((sink: BuildSink) => void)[] = []
  /** Lets what waits for slow clients go on. */
  #goOn: () => void = () => undefined
  #ended = false

  constructor(log: BuildLog, logFile: string) {
    this.#log = log
    setMaxListeners(0, this.signal)
    this.#logFile = logFile
  }

  /** There is nothing left to cancel. */
  end(): void {
    this.#ended = true
  }

  /** Aborted when nobody wants the build. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Returns what takes the client out again. It is told what has been so far first. */
  join(sink: BuildSink, wants = true): () => void {
    const member: Member = { sink, wants, queue: undefined, catchingUp: undefined, behind: 0, skipped: 0 }
    for (const tell of this.#said) tell(sink)
    if (this.#log.length > 0) {
      member.queue = []
      member.catchingUp = this.#catchUp(member)
    }
    this.#members.add(member)
    // It is not held up by those who were there before.
    if (wants) this.#goOn()
    return () => {
      // Before it has left: it is told what becomes of the build.
      const isLast = wants && this.#members.has(member) && this.#countWanting() === 1
      if (isLast && !this.#ended) this.#controller.abort()
      this.#members.delete(member)
    }
  }

  /** All that has been printed so far. */
  replay(): AsyncGenerator<Buffer> {
    return this.#log.replay()
  }

  started(pid: number): void {
    this.#tell((sink) => sink.started(pid))
  }

  say(level: number, text: string): void {
    this.#tell((sink) => sink.say(level, text))
  }

  trace(text: string): void {
    this.#tell((sink) => sink.trace(text))
  }

  output(bytes: Buffer): Promise<void> | undefined {
    const written = this.#log.write(bytes)
    const slow: Promise<void>[] = []
    for (const member of this.#members) {
      const wait = this.#give(member, bytes)
      if (wait && member.wants) slow.push(wait)
    }
    // As fast as the fastest of them: nobody can hold up a build that others want.
    const taken = slow.length > 0 && slow.length === this.#countWanting() ? this.#untilTaken(slow) : undefined
    if (!written) return taken
    return taken ? Promise.all([written, taken]).then(() => undefined) : written
  }

  #untilTaken(slow: readonly Promise<void>[]): Promise<void> {
    const joined = new Promise<void>((resolve) => (this.#goOn = resolve))
    return Promise.race([...slow, joined])
  }

  #countWanting(): number {
    let count = 0
    for (const { wants } of this.#members) if (wants) count++
    return count
  }

  #tell(tell: (sink: BuildSink) => void): void {
    this.#said.push(tell)
    for (const { sink } of this.#members) tell(sink)
  }

  #give(member: Member, bytes: Buffer): Promise<void> | undefined {
    if (member.behind > maxBehind && (!member.wants || this.#countWanting() > 1)) {
      member.skipped += bytes.length
      return undefined
    }
    if (member.queue) {
      member.queue.push(bytes)
      member.behind += bytes.length
      return member.behind > maxBehind ? member.catchingUp : undefined
    }
    const wait = member.sink.output(bytes)
    if (!wait) return undefined
    member.behind += bytes.length
    return wait.then(() => {
      member.behind = 0
      if (member.skipped > 0)
        member.sink.say(0, `${member.skipped} bytes left out; all are in ${this.#logFile}`)
      member.skipped = 0
    })
  }

  async #catchUp(member: Member): Promise<void> {
    try {
      for await (const chunk of this.#log.replay()) await member.sink.output(chunk)
    } catch (error) {
      member.sink.say(0, `what the builder has printed before cannot be read: ${reasonOf(error)}`)
    }
    for (let next = member.queue?.shift(); next; next = member.queue?.shift()) await member.sink.output(next)
    member.queue = undefined
    member.behind = 0
  }
}

export class Builds {
  readonly sandbox: SandboxProcess
  readonly #orphans: OrphanWatch
  readonly #running = new Map<string, { shared: SharedBuild; done: Promise<void> }>()
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(store: Store) {
    this.#orphans = new OrphanWatch(store.config.state, store.wasAlone)
    this.sandbox = new SandboxProcess(this.#orphans.fd)
  }

  /** What a build of a derivation has left is being put away. */
  leave(derivation: string, gone: Promise<void>): void {
    const leaving = Promise.all([this.#leaving.get(derivation), gone]).then(() => {
      if (this.#leaving.get(derivation) === leaving) this.#leaving.delete(derivation)
    })
    this.#leaving.set(derivation, leaving)
  }

  /** Resolves when nothing is left of earlier builds of a derivation, by a daemon that died or by this one. */
  async left(derivation: string): Promise<void> {
    await this.#orphans.over
    await this.#leaving.get(derivation)
  }

  /** The build of a derivation that is running. */
  find(derivation: string) {
    return this.#running.get(derivation)
  }

  /**
   * Runs `build`, or has the client take part in it when it is running. Rejects as it does, or when `signal` is
   * aborted, with nothing of the build left if nobody else wants it.
   */
  async share(
    derivation: string,
    sink: BuildSink,
    signal: AbortSignal,
    start: () => { shared: SharedBuild; run: () => Promise<void> },
  ): Promise<void> {
    const running = await this.#take(derivation, start)
    const leave = running.shared.join(sink)
    const quit = deferred()
    signal.addEventListener('abort', quit.resolve, { once: true })
    if (signal.aborted) quit.resolve()
    try {
      await Promise.race([running.done, quit.promise])
      if (!signal.aborted) return await running.done
      leave()
      // The last one out waits until nothing of it is left.
      if (running.shared.signal.aborted) await running.done
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', quit.resolve)
      leave()
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done))
    await Promise.all(this.#leaving.values())
    await this.sandbox.close()
    this.#orphans.close()
  }

  async #take(derivation: string, start: () => { shared: SharedBuild; run: () => Promise<void> }) {
    for (;;) {
      const running = this.#running.get(derivation)
      if (!running) return this.#start(derivation, start)
      if (!running.shared.signal.aborted) return running
      await running.done.catch(() => undefined)
    }
  }

  #start(derivation: string, start: () => { shared: SharedBuild; run: () => Promise<void> }) {
    const { shared, run } = start()
    const done = run().finally(() => this.#running.delete(derivation))
    const running = { shared, done }
    this.#running.set(derivation, running)
    done.catch(() => undefined)
    return running
  }
}

const all = new WeakMap<Store, Builds>()

/** The builds of a store; they end when it is closed. */
export function buildsOf(store: Store): Builds {
  const known = all.get(store)
  if (known) return known
  const builds = new Builds(store)
  all.set(store, builds)
  store.onClose(() => builds.close())
  return builds
}

function deferred() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}
