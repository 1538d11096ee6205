// Temporary roots: paths that must not be collected while the connection that asked for them is open.
//
// Other daemons see them in `temproots/PID`, each path followed by a NUL. The file is held with a shared record
// lock, which says that the process lives; to add to it the lock is made exclusive, so that a collector which holds
// it shared keeps additions out. Where there is no other daemon (sole-use.ts) there is no such collector: what is added
// meanwhile is written together, before one can come. Within the process every connection has its own set.
import { randomInt } from 'node:crypto'
import { closeSync, fstatSync, ftruncateSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isOutOfFiles, reasonOf } from '@plumbline/common/error/translate'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { fault } from '../fault.ts'
import type { ProcessLock } from './process-lock.ts'
import type { Protectors } from './protectors.ts'
import { markRemoved } from './removed-lock.ts'
import type { SoleUse } from './sole-use.ts'
import { waitForLock } from './wait-for-lock.ts'

/** The roots of one connection. */
export type RootSet = Set<string>

/** Paths in the file that nobody needs any more, before it is written anew. */
const maxForgotten = 4096
/** On Linux, at most: proc(5), pid_max. */
const maxPid = 2 ** 22

type Surroundings = { protectors: Protectors; gcLock: ProcessLock; soleUse: SoleUse }

export class TempRoots {
  readonly #directory: string
  #name: string
  readonly #sets = new Set<RootSet>()
  readonly #protectors: Protectors
  readonly #gcLock: ProcessLock
  readonly #soleUse: SoleUse
  #fd: number | undefined
  #written = new Set<string>()
  /** Those of them that will have been, by the end of the sole use. */
  #unwritten: string[] = []
  /** Path → its way into the file, while that takes time. */
  readonly #pending = new Map<string, Promise<void>>()

  constructor(state: string, pid: number, { protectors, gcLock, soleUse }: Surroundings) {
    this.#protectors = protectors
    this.#gcLock = gcLock
    this.#soleUse = soleUse
    this.#directory = join(state, 'temproots')
    this.#name = String(pid)
  }

  /** Whether that one in the directory is this process's own. */
  isOwn(name: string): boolean {
    return this.#fd !== undefined && name === this.#name
  }

  open(): RootSet {
    const set: RootSet = new Set()
    this.#sets.add(set)
    return set
  }

  /** Drops the roots of a connection that has ended. */
  close(set: RootSet): void {
    this.#sets.delete(set)
    if (set.size === 0) return
    let alive = 0
    for (const { size } of this.#sets) alive += size
    // To rewrite the file for each connection that goes would be quadratic.
    if (alive === 0 || this.#written.size > 2 * alive + maxForgotten) this.#rewrite()
  }

  /** All roots but those of `except`, whose owner collects: it knows what it does. */
  list(except?: RootSet): Set<string> {
    const all = new Set<string>()
    for (const set of this.#sets) if (set !== except) for (const path of set) all.add(path)
    return all
  }

  has(path: string): boolean {
    for (const set of this.#sets) if (set.has(path)) return true
    return false
  }

  /** Returns a promise only when something has to be waited for, such as another process's collector. */
  add(set: RootSet, path: string): void | Promise<void> {
    set.add(path)
    this.#protectors.protect(path)
    if (this.#written.has(path)) return undefined
    const pending = this.#pending.get(path)
    if (pending) return pending
    if (this.#fd !== undefined && this.#append(this.#fd, path)) return undefined
    const adding = this.#appendLater(path).finally(() => this.#pending.delete(path))
    this.#pending.set(path, adding)
    return adding
  }

  /** Writes what other daemons, which may come from now on, have to find: all, or it throws and writes nothing. */
  writeOut(): void {
    if (this.#fd === undefined || this.#unwritten.length === 0) return
    const { size } = fstatSync(this.#fd)
    try {
      writeFileSync(this.#fd, this.#unwritten.map((path) => `${path}\0`).join(''), 'latin1')
    } catch (error) {
      ftruncateSync(this.#fd, size)
      throw error
    }
    this.#unwritten = []
  }

  /** Takes the file away. */
  end(): void {
    if (this.#fd === undefined) return
    unlinkSync(join(this.#directory, this.#name))
    markRemoved(this.#fd)
    closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Whether it could be done at once. */
  #append(fd: number, path: string): boolean {
    fault('temp-root-before-append')
    if (this.#soleUse.take()) this.#unwritten.push(path)
    else if (native().appendExclusively(fd, `${path}\0`) === 0) return false
    this.#written.add(path)
    return true
  }

  async #appendLater(path: string): Promise<void> {
    // A collector that has read the directory would not see a new file.
    if (this.#fd === undefined) await this.#gcLock.whileNobodyCollects(() => (this.#fd ??= this.#create()))
    const fd = this.#fd
    if (fd === undefined) return
    // The lock is the process's: what else is appended meanwhile may have made it shared again.
    while (!this.#append(fd, path)) await waitForLock(fd, recordLockType.exclusive)
  }

  #create(): number {
    for (;;) {
      const fd = this.#openFile()
      const locked = native().recordLock(fd, recordLockType.exclusive) === 1
      // A collector may have taken the file of a dead process of the same number away meanwhile.
      if (locked && fstatSync(fd).nlink > 0) {
        ftruncateSync(fd, 0)
        native().recordLock(fd, recordLockType.shared)
        return fd
      }
      closeSync(fd)
      // A daemon in another container has the same number: what no process has as its own is free.
      if (!locked) this.#name = String(randomInt(maxPid, 2 ** 31))
    }
  }

  #openFile(): number {
    const file = join(this.#directory, this.#name)
    try {
      return openSync(file, 'a+', 0o600)
    } catch (error) {
      if (isOutOfFiles(error)) throw error
      const reason = `cannot open temporary roots \`${file}': ${reasonOf(error)}`
      throw new ToolError('STORE_FAILED', { reason }, { cause: error })
    }
  }

  /** Leaves in the file what is still needed. */
  #rewrite(): void {
    if (this.#fd === undefined || this.#written.size === 0) return
    if (native().recordLock(this.#fd, recordLockType.exclusive) === 0) return
    this.#written = this.list()
    this.#unwritten = [...this.#written]
    try {
      ftruncateSync(this.#fd, 0)
      this.writeOut()
    } finally {
      native().recordLock(this.#fd, recordLockType.shared)
    }
  }
}
