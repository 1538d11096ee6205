// The program that makes builders' processes: one for the whole daemon, started when the first build needs it, and
// gone, with all builds, when the daemon is. sandbox/sandbox.c says what goes between the two.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { formatSandboxRequest, type SandboxRequest } from './sandbox-request.ts'

/** How a builder ended. `exec`: its program could not be run; `failed`: its surroundings could not be made. */
export type BuilderEnd =
  { how: 'exit' | 'signal' | 'exec'; number: number } | { how: 'failed'; reason: string }

export interface RunningBuilder {
  /** Undefined when it never ran. */
  readonly pid: Promise<number | undefined>
  readonly ended: Promise<BuilderEnd>
  kill(): void
  /** Log that has been dealt with: so much more may come. */
  taken(bytes: number): void
  /** Has what it leaves removed, or not; resolves when nothing of it is left. */
  leave(what: 'removed' | 'kept'): Promise<void>
}

type Entry = {
  onLog: (bytes: Buffer) => void
  started: (pid: number | undefined) => void
  ended: (end: BuilderEnd) => void
  gone: () => void
}
type Process = { child: ChildProcess; input: Writable; output: Readable }

const toSandbox = { request: 1, kill: 2, credit: 3, done: 4, keep: 5 } as const
const fromSandbox = { started: 1, log: 2, ended: 3, gone: 4 } as const
const headSize = 12

export class SandboxProcess {
  readonly #builds = new Map<number, Entry>()
  #process: Process | undefined
  #nextId = 1
  readonly #lifetime: number
  #rest: Buffer = Buffer.alloc(0)

  /** `lifetime`: a descriptor that it and all it makes hold for as long as they live. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime
  }

  /** Throws STORE_FAILED for a request that cannot be written. */
  start(request: SandboxRequest, onLog: (bytes: Buffer) => void): RunningBuilder {
    const bytes = formatSandboxRequest(request)
    const id = this.#nextId++
    const pid = deferred<number | undefined>()
    const ended = deferred<BuilderEnd>()
    const gone = deferred<void>()
    this.#builds.set(id, { onLog, started: pid.resolve, ended: ended.resolve, gone: gone.resolve })
    this.#send(toSandbox.request, id, bytes)
    return {
      pid: pid.promise,
      ended: ended.promise,
      kill: () => this.#tell(toSandbox.kill, id),
      taken: (count) => {
        const credit = Buffer.alloc(4)
        credit.writeUInt32LE(count)
        this.#tell(toSandbox.credit, id, credit)
      },
      leave: (what) => {
        this.#tell(what === 'kept' ? toSandbox.keep : toSandbox.done, id)
        return gone.promise
      },
    }
  }

  /** Ends it, and every build with it. */
  async close(): Promise<void> {
    const running = this.#process
    if (!running) return
    const exit = once(running.child, 'exit')
    running.input.end()
    await exit
  }

  #tell(kind: number, id: number, bytes?: Buffer): void {
    if (this.#builds.has(id)) this.#send(kind, id, bytes)
  }

  #send(kind: number, id: number, bytes: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(headSize)
    head.writeUInt32LE(kind)
    head.writeUInt32LE(id, 4)
    head.writeUInt32LE(bytes.length, 8)
    const { input } = (this.#process ??= this.#launch())
    input.write(bytes.length > 0 ? Buffer.concat([head, bytes]) : head)
  }

  #launch(): Process {
    // In a session of its own: what a terminal sends to this process's group is not for builds.
    const child = spawn(findProgram(), [], {
      stdio: ['pipe', 'pipe', 'inherit', this.#lifetime],
      detached: true,
      env: {},
      cwd: '/',
    })
    const { stdin: input, stdout: output } = child
    if (!input || !output) throw new Error('the sandbox program has no pipes')
    const lose = () => {
      if (this.#process?.child !== child) return
      this.#process = undefined
      this.#rest = Buffer.alloc(0)
      const builds = [...this.#builds.values()]
      this.#builds.clear()
      for (const { started, ended, gone } of builds) {
        started(undefined)
        ended({ how: 'failed', reason: 'the sandbox program has ended' })
        gone()
      }
    }
    child.on('error', lose).on('exit', lose)
    input.on('error', () => undefined)
    output.on('data', (chunk: Buffer) => this.#receive(chunk))
    return { child, input, output }
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    while (bytes.length >= headSize) {
      const end = headSize + bytes.readUInt32LE(8)
      if (bytes.length < end) break
      this.#take(bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.subarray(headSize, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
  }

  #take(kind: number, id: number, bytes: Buffer): void {
    const build = this.#builds.get(id)
    if (!build) return
    if (kind === fromSandbox.started) build.started(bytes.readUInt32LE(0))
    else if (kind === fromSandbox.log) build.onLog(bytes)
    else if (kind === fromSandbox.ended) {
      build.started(undefined)
      build.ended(parseEnd(bytes.toString('latin1')))
    } else if (kind === fromSandbox.gone) {
      this.#builds.delete(id)
      build.gone()
    }
  }
}

function parseEnd(text: string): BuilderEnd {
  const [, how, number] = /^(exit|signal|exec) ([0-9]+)$/.exec(text) ?? []
  if (how === 'exit' || how === 'signal' || how === 'exec') return { how, number: Number(number) }
  return { how: 'failed', reason: text.replace(/^failed /, '') }
}

/** Beside the bundle, else where the package's build puts it. */
function findProgram(): string {
  const beside = fileURLToPath(new URL('sandbox', import.meta.url))
  return existsSync(`${beside}/sandbox.c`)
    ? fileURLToPath(new URL('../../dist/sandbox', import.meta.url))
    : beside
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((done) => (resolve = done))
  return { promise, resolve }
}
