// The starter's end of the control channel: starts the keeper, and tells what it says (keeper/keeper.h).
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { getSystemErrorName } from 'node:util'

export type KeeperEvent =
  | { kind: 'pid'; pid: number; start: number }
  | { kind: 'exec' | 'notify' | 'kept' | 'end' }
  | { kind: 'failed'; stage: string; errno: string }
  | { kind: 'exit'; status: number }
  | { kind: 'signal'; number: number }
  | { kind: 'out'; bytes: Buffer }

type Descriptors = {
  output: number | 'ignore'
  lock: number
  sockets: readonly number[]
  /** Whether the service has a descriptor to say on that it is ready. */
  ready: boolean
}

export class KeeperLink {
  readonly #child: ChildProcess
  readonly #control: Duplex
  /** What the service writes to say that it is ready. */
  readonly ready: Duplex | undefined
  #pending = Buffer.alloc(0)
  #listeners = new Set<(event: KeeperEvent) => void>()
  readonly finished: Promise<void>

  constructor(specification: Buffer, { output, lock, sockets, ready }: Descriptors) {
    const stdio = [
      'ignore' as const,
      output,
      output,
      'pipe' as const,
      lock,
      ...sockets,
      ...(ready ? ['pipe' as const] : []),
    ]
    const numbers = stdio.slice(3).map((_, index) => String(index + 3))
    // detached: a session of its own, without a terminal; the service, its child, is no leader of it.
    this.#child = spawn(keeperPath(), numbers, { stdio, detached: true, env: {} })
    this.#control = this.#child.stdio[3] as Duplex
    this.ready = ready ? (this.#child.stdio.at(-1) as Duplex) : undefined
    this.#control.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#control.on('error', () => undefined)
    this.ready?.on('error', () => undefined)
    this.finished = new Promise((resolve) => {
      this.#control.on('close', () => {
        this.#emit({ kind: 'end' })
        resolve()
      })
    })
    this.#child.on('error', (error: NodeJS.ErrnoException) =>
      this.#emit({ kind: 'failed', stage: 'keeper', errno: error.code ?? 'EIO' }),
    )
    this.#child.unref()
    this.#control.write(specification)
  }

  listen(listener: (event: KeeperEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The service is ready: the keeper puts the records in place, and leaves or stays. */
  async confirm(): Promise<boolean> {
    let kept = false
    const stop = this.listen((event) => (kept ||= event.kind === 'kept'))
    this.#control.write('r')
    await this.finished
    stop()
    this.ready?.destroy()
    return kept
  }

  /** The start is undone; resolves when nothing of it is left. */
  async abandon(): Promise<void> {
    this.#control.end()
    this.ready?.destroy()
    await this.finished
  }

  #emit(event: KeeperEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    for (;;) {
      const end = this.#pending.indexOf(0x0a)
      if (end < 0) return
      const [kind = '', first = '', second = ''] = this.#pending.toString('latin1', 0, end).split(' ')
      const length = kind === 'out' ? Number(first) : 0
      if (this.#pending.length < end + 1 + length) return
      const bytes = this.#pending.subarray(end + 1, end + 1 + length)
      this.#pending = this.#pending.subarray(end + 1 + length)
      const event = kind === 'out' ? ({ kind, bytes } as const) : parseEvent(kind, first, second)
      if (event) this.#emit(event)
    }
  }
}

function parseEvent(kind: string, first: string, second: string): KeeperEvent | undefined {
  if (kind === 'pid') return { kind, pid: Number(first), start: Number(second) }
  if (kind === 'exit') return { kind, status: Number(first) }
  if (kind === 'signal') return { kind, number: Number(first) }
  if (kind === 'failed') return { kind, stage: first, errno: getSystemErrorName(-Number(second)) }
  return kind === 'exec' || kind === 'notify' || kind === 'kept' ? { kind } : undefined
}

/** Beside the bundle, or where the build puts it. */
export function keeperPath(): string {
  const beside = fileURLToPath(new URL('keeper', import.meta.url))
  return existsSync(beside) && !beside.includes('/src/')
    ? beside
    : fileURLToPath(new URL('../../dist/keeper', import.meta.url))
}
