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
import { Seats, type Holder } from '../seats.ts'
import type { ProcessLock } from './process-lock.ts'
import type { Protectors } from './protectors.ts'
import { markRemoved } from './removed-lock.ts'
import type { SoleUse } from './sole-use.ts'
import { waitForLock } from './wait-for-lock.ts'

/** The roots of one connection, and whose they are. */
export type RootSet = { readonly paths: Set<string>; readonly holder: Holder; readonly isTrusted: boolean }

/** Paths in the file that nobody needs any more, before it is written anew. */
const maxForgotten = 4096
/** On Linux, at most: proc(5), pid_max. */
const maxPid = 2 ** 22
/** Of all connections: each is some hundred bytes of memory. The largest stores have as many items. */
const maxRoots = 2 ** 20
/** Before a file that could not be written anew is tried again. */
const retryMs = 50

type Surroundings = { protectors: Protectors; gcLock: ProcessLock; soleUse: SoleUse }

export class TempRoots {
  readonly #directory: string
  #name: string
  readonly #sets = new Set<RootSet>()
  readonly #protectors: Protectors
  readonly #gcLock: ProcessLock
  readonly #soleUse: SoleUse
  readonly #seats: Seats
  #fd: number | undefined
  #retry: NodeJS.Timeout | undefined
  #written = new Set<string>()
  /** Those of them that will have been, by the end of the sole use. */
  #unwritten: string[] = []
  /** Path → its way into the file, while that takes time. */
  readonly #pending = new Map<string, Promise<void>>()

  constructor(state: string, pid: number, { protectors, gcLock, soleUse }: Surroundings, limit = maxRoots) {
    this.#seats = new Seats(limit)
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

  open(holder: Holder, isTrusted: boolean): RootSet {
    const set: RootSet = { paths: new Set(), holder, isTrusted }
    this.#sets.add(set)
    return set
  }

  /** Drops the roots of a connection that has ended. */
  close(set: RootSet): void {
    this.#sets.delete(set)
    if (set.paths.size === 0) return
    this.clear(set)
    if (this.#seats.count === 0) this.#rewrite()
  }

  clear(set: RootSet): void {
    this.#seats.leave(set.holder, set.paths.size)
    set.paths.clear()
    this.#tidy()
  }

  drop(set: RootSet, path: string): void {
    if (!set.paths.delete(path)) return
    this.#seats.leave(set.holder)
    this.#tidy()
  }

  /** All roots but those of `except`, whose owner collects: it knows what it does. */
  list(except?: RootSet): Set<string> {
    const all = new Set<string>()
    for (const set of this.#sets) if (set !== except) for (const path of set.paths) all.add(path)
    return all
  }

  has(path: string): boolean {
    for (const set of this.#sets) if (set.paths.has(path)) return true
    return false
  }

  /**
   * Returns a promise only when something has to be waited for, such as another process's collector. Throws
   * STORE_FAILED when there are too many; one that is there already is never refused.
   */
  add(set: RootSet, path: string): void | Promise<void> {
    // Of a connection that has ended, whose build others want, there is nothing to keep.
    if (this.#sets.has(set) && !set.paths.has(path)) {
      if (!this.#seats.take(set.holder, set.isTrusted)) {
        const reason = `cannot keep \`${path}': there are too many temporary roots`
        throw new ToolError('STORE_FAILED', { reason })
      }
      set.paths.add(path)
    }
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
    clearTimeout(this.#retry)
    unlinkSync(join(this.#directory, this.#name))
    markRemoved(this.#fd)
    closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Whether it could be done at once. */
  #append(fd: number, path: string): boolean {
    fault('temp-root-before-append')
    if (this.#soleUse.take()) {
      this.#unwritten.push(path)
      this.#written.add(path)
      return true
    }
    // To append is to let others read, who have to find all.
    this.writeOut()
    if (native().appendExclusively(fd, `${path}\0`) === 0) return false
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

  /** To rewrite the file for each root that goes would be quadratic. */
  #tidy(): void {
    if (this.#written.size > 2 * this.#seats.count + maxForgotten) this.#rewrite()
  }

  /** Leaves in the file what is still needed. */
  #rewrite(): void {
    if (this.#fd === undefined || this.#written.size === 0) return
    if (native().recordLock(this.#fd, recordLockType.exclusive) === 0) return
    this.#written = this.list()
    this.#unwritten = [...this.#written]
    ftruncateSync(this.#fd, 0)
    this.#finishRewriting(this.#fd)
  }

  /** Nobody else reads it until all is there: a disk that is full is no reason to lose a root. */
  #finishRewriting(fd: number): void {
    clearTimeout(this.#retry)
    try {
      this.writeOut()
      native().recordLock(fd, recordLockType.shared)
    } catch {
      this.#retry = setTimeout(() => this.#finishRewriting(fd), retryMs).unref()
    }
  }
}
