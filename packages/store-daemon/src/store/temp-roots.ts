// Temporary roots: paths that must not be collected while the connection that asked for them is open.
//
// Other daemons see them in `temproots/PID`, each path followed by a NUL. The file is held with a shared record
// lock, which says that the process lives; to add to it the lock is made exclusive, so that a collector which holds
// it shared keeps additions out. Within the process every connection has its own set.
import { closeSync, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import type { Protectors } from './protectors.ts'

/** The roots of one connection. */
export type RootSet = Set<string>

export class TempRoots {
  readonly #file: string
  readonly #sets = new Set<RootSet>()
  readonly #protectors: Protectors
  #fd: number | undefined
  #written = new Set<string>()

  constructor(state: string, pid: number, protectors: Protectors) {
    this.#protectors = protectors
    this.#file = join(state, 'temproots', String(pid))
  }

  open(): RootSet {
    const set: RootSet = new Set()
    this.#sets.add(set)
    return set
  }

  /** Drops the roots of a connection that has ended. */
  close(set: RootSet): void {
    this.#sets.delete(set)
    if ([...this.#sets].every(({ size }) => size === 0)) this.#empty()
  }

  /** All roots but those of `except`, whose owner collects: it knows what it does. */
  list(except?: RootSet): Set<string> {
    return new Set([...this.#sets].filter((set) => set !== except).flatMap((set) => [...set]))
  }

  has(path: string): boolean {
    for (const set of this.#sets) if (set.has(path)) return true
    return false
  }

  /** Returns a promise only when another process's collector makes it wait. */
  add(set: RootSet, path: string): void | Promise<void> {
    set.add(path)
    this.#protectors.protect(path)
    if (this.#written.has(path)) return
    this.#fd ??= this.#create()
    this.#written.add(path)
    if (native().appendExclusively(this.#fd, `${path}\0`) === 1) return undefined
    return this.#appendLater(this.#fd, path)
  }

  /** Takes the file away. */
  end(): void {
    if (this.#fd === undefined) return
    unlinkSync(this.#file)
    writeSync(this.#fd, 'd')
    closeSync(this.#fd)
    this.#fd = undefined
  }

  async #appendLater(fd: number, path: string): Promise<void> {
    await native().recordLockWait(fd, recordLockType.exclusive)
    writeSync(fd, `${path}\0`)
    native().recordLock(fd, recordLockType.shared)
  }

  #create(): number {
    for (;;) {
      const fd = openSync(this.#file, 'a+', 0o600)
      // A collector may have taken the file of a dead process of the same number away meanwhile.
      const locked = native().recordLock(fd, recordLockType.exclusive) === 1
      if (locked && fstatSync(fd).size > 0) ftruncateSync(fd, 0)
      if (locked) return fd
      closeSync(fd)
    }
  }

  #empty(): void {
    if (this.#fd === undefined || this.#written.size === 0) return
    if (native().recordLock(this.#fd, recordLockType.exclusive) === 0) return
    ftruncateSync(this.#fd, 0)
    this.#written = new Set()
    native().recordLock(this.#fd, recordLockType.shared)
  }
}
