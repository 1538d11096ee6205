// The starter's end of the control channel: starts the keeper, and tells what it says (keeper/keeper.h).
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { getSystemErrorName } from 'node:util'
import { native } from '@plumbline/common/syscall/native'
import { Channel } from './channel.ts'

export type KeeperEvent =
  | { kind: 'pid'; pid: number; start: number }
  | { kind: 'exec' | 'kept' | 'end' }
  | { kind: 'failed'; stage: string; errno: string }
  | { kind: 'exit'; status: number }
  | { kind: 'signal'; number: number }
  | { kind: 'out'; bytes: Buffer }

type Descriptors = {
  output: number | undefined
  lock: number
  sockets: readonly number[]
}

/** Keepers of earlier starts of this process, which end by themselves, or stay. */
const unreaped = new Set<number>()

export class KeeperLink {
  readonly #pid: number
  readonly #control: Channel
  #pending = Buffer.alloc(0)
  #listeners = new Set<(event: KeeperEvent) => void>()
  #kept = false
  #finished: Promise<void> | undefined

  /** Starts it; specify() is to follow. Throws what posix_spawn(3) does. */
  constructor({ output, lock, sockets }: Descriptors) {
    for (const pid of unreaped) if (native().reap(pid) !== 0) unreaped.delete(pid)
    const nothing = openSync('/dev/null', 'r+')
    const control = native().socketPair()
    const said = output ?? nothing
    const own = [control[1], lock, ...sockets]
    const numbers = own.map((_, index) => String(index + 3))
    this.#control = new Channel(control[0])
    // In a session of its own, without a terminal; the service, its child, is no leader of it.
    try {
      this.#pid = native().spawnLeader([keeperPath(), ...numbers], [nothing, said, said, ...own])
    } catch (error) {
      this.#control.close()
      throw error
    } finally {
      for (const fd of [nothing, control[1]]) closeSync(fd)
    }
  }

  /** What it is to make (see specification.ts); what it says of that is heard from now on. */
  specify(specification: Buffer): void {
    this.#control.write(specification)
    this.#finished = new Promise((resolve) => {
      const finish = () => {
        this.#close()
        resolve()
      }
      this.#control.listen(
        (chunk) => {
          this.#read(chunk)
          // That was all. A program that starts one service has ended before it comes to close this.
          if (this.#kept) setImmediate(finish)
          return !this.#kept
        },
        () => {
          this.#emit({ kind: 'end' })
          finish()
        },
      )
    })
  }

  /** Instead: it ends, and has done nothing. */
  dismiss(): void {
    this.#close()
  }

  listen(listener: (event: KeeperEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The service is ready, and the keeper has put the records in place. */
  get kept(): boolean {
    return this.#kept
  }

  /** The service is ready: the keeper puts the records in place if it has not yet, and leaves or stays. */
  async confirm(): Promise<boolean> {
    if (this.#kept) return true
    this.#control.write(Buffer.from('r'))
    await new Promise<void>((resolve) => {
      this.listen(({ kind }) => (kind === 'kept' || kind === 'end') && resolve())
    })
    return this.#kept
  }

  /** The start is undone; resolves when nothing of it is left. */
  async abandon(): Promise<void> {
    this.#control.write(Buffer.from('x'))
    await this.#finished
  }

  #close(): void {
    this.#control.close()
    unreaped.add(this.#pid)
  }

  #emit(event: KeeperEvent): void {
    this.#kept ||= event.kind === 'kept'
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
  return kind === 'exec' || kind === 'kept' ? { kind } : undefined
}

/** Beside the bundle, or where the build puts it. */
export function keeperPath(): string {
  const beside = join(import.meta.dirname, 'keeper')
  return existsSync(beside) && !beside.includes('/src/')
    ? beside
    : join(import.meta.dirname, '../../dist/keeper')
}
