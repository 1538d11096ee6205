// An open store: its database, locks, temporary roots and worker threads. One for all connections of the process.
import {
  closeSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { native } from '@plumbline/common/syscall/native'
import type { Config } from '../config.ts'
import { toByteString } from '@plumbline/common/store/byte-string'
import { openPathDatabase } from '../database/open-path-database.ts'
import type { PathDatabase } from '../database/path-database.ts'
import { Registrar } from '../database/registrar.ts'
import { holdForeignRoots } from '../gc/foreign-roots.ts'
import { findUnknown } from '../work/sweep-store.ts'
import { WorkerPool } from '../work/worker-pool.ts'
import { basePath } from './base-path.ts'
import { makeDirectories } from './layout.ts'
import { endLockFile } from './lock-file.ts'
import { claimPath, lockPathsOneByOne, lockPathsUnder, unlockPath } from './path-locks.ts'
import { scratchName } from './scratch-name.ts'
import { ProcessLock } from './process-lock.ts'
import { Protectors } from './protectors.ts'
import { exists } from './remove-tree.ts'
import { SoleUse } from './sole-use.ts'
import { TempRoots } from './temp-roots.ts'

const reservedBytes = 8 * 1024 * 1024
const maxSweptHere = 2000

export class Store {
  readonly config: Config
  readonly pool = new WorkerPool()
  readonly protectors = new Protectors()
  readonly database: PathDatabase
  readonly registrar: Registrar
  readonly tempRoots: TempRoots
  readonly gcLock: ProcessLock
  readonly soleUse: SoleUse
  readonly #bigLock: ProcessLock
  readonly #closing: (() => Promise<void>)[] = []
  #wasAlone = false
  #hasReserved = false

  private constructor(config: Config, pid: number) {
    this.config = config
    makeDirectories(config)
    const opened: { close: () => void }[] = []
    try {
      this.database = openPathDatabase(config.database)
      opened.push(this.database.connection)
      this.#bigLock = new ProcessLock(join(config.database, 'big-lock'))
      opened.push(this.#bigLock)
      this.gcLock = new ProcessLock(join(config.state, 'gc.lock'))
    } catch (error) {
      for (const each of opened) each.close()
      throw error
    }
    this.registrar = new Registrar(this.database)
    this.soleUse = new SoleUse(this.#bigLock, () => {
      lockPathsOneByOne()
      this.tempRoots.writeOut()
    })
    lockPathsUnder(this.soleUse)
    this.tempRoots = new TempRoots(config.state, pid, this)
  }

  /** Throws STORE_CONFIG, SCHEMA_UNSUPPORTED, STORE_FAILED. */
  static async open(config: Config, pid: number): Promise<Store> {
    const now = Date.now()
    const store = new Store(config, pid)
    // Alone on this state: whatever is not registered was left by a daemon that is no more.
    const alone = store.#bigLock.trySole()
    await store.#bigLock.share()
    // A collection or a client that waits for one waits for this too.
    store.#wasAlone = alone
    if (alone) void store.gcLock.exclusively(() => store.#sweep(now)).catch(() => undefined)
    return store
  }

  /** Makes or removes the file that keeps some space free, so that a collection can run on a full disk. */
  reserve(wanted: boolean): void {
    const file = `${this.config.database}/reserved`
    if (!wanted) return rmSync(file, { force: true })
    if (this.#hasReserved && exists(toByteString(file))) return
    this.#hasReserved = statSync(file, { throwIfNoEntry: false })?.size === reservedBytes
    if (this.#hasReserved) return
    const fd = openSync(file, 'w', 0o600)
    try {
      native().allocate(fd, reservedBytes)
    } catch {
      // A full disk is no reason not to serve.
    } finally {
      closeSync(fd)
    }
  }

  /** A name in the store for an item whose own is not known yet. Its maker has to make it a temporary root. */
  scratchPath(): string {
    return `${this.config.store}/${scratchName('tmp-unpack')}`
  }

  /** No other daemon used this state when it was opened. */
  get wasAlone(): boolean {
    return this.#wasAlone
  }

  /** What has to end before the store does. */
  onClose(action: () => Promise<void>): void {
    this.#closing.push(action)
  }

  async close(): Promise<void> {
    for (const action of this.#closing) await action()
    await this.pool.close()
    this.soleUse.close()
    endLockFile()
    this.tempRoots.end()
    this.database.connection.close()
    this.gcLock.close()
    this.#bigLock.close()
  }

  /** Removes what nobody can need: unknown to the database, and older than this process's use of the store. */
  async #sweep(before: number): Promise<void> {
    const { store, state, database } = this.config
    // A daemon that has come since can neither add roots nor, for want of a root, items.
    const foreign = await holdForeignRoots(state, this.tempRoots)
    try {
      removeOldScratch(join(state, 'gcroots/auto'), before)
      // A thread of its own costs ten megabytes and fifty milliseconds: only for what takes longer than that.
      const isSmall = countEntries(store) + countEntries(`${store}/.links`) < maxSweptHere
      const args = { store, database, before }
      const names = isSmall ? await findUnknown(args) : await this.pool.run<string[]>('sweepStore', args)
      await this.#removeUnknown(names, foreign.paths)
    } finally {
      foreign.release()
    }
  }

  async #removeUnknown(names: readonly string[], needed: ReadonlySet<string>): Promise<void> {
    const paths: string[] = []
    const claimed = new Set<string>()
    for (const name of names) {
      const path = `${this.config.store}/${name}`
      const base = basePath(path)
      if (needed.has(base) || this.tempRoots.has(base) || this.database.idOf(path) !== undefined) continue
      // Whoever wants to make an item of that name waits until the old one has gone.
      if (!claimed.has(base) && !claimPath(base)) continue
      claimed.add(base)
      paths.push(path)
    }
    try {
      if (paths.length > 0) await this.pool.run('removeItems', { paths })
    } finally {
      for (const base of claimed) unlockPath(base)
    }
  }
}

/** Symlinks that were to be renamed to a root's name. */
function removeOldScratch(directory: string, before: number): void {
  for (const name of readdirSync(directory)) {
    if (!name.includes('.tmp-')) continue
    const stat = lstatSync(join(directory, name), { throwIfNoEntry: false })
    if (stat && stat.ctimeMs < before) unlinkSync(join(directory, name))
  }
}

/** How many names a directory has, or maxSweptHere when there are more. */
function countEntries(path: string): number {
  const directory = opendirSync(path)
  let count = 0
  while (count < maxSweptHere && directory.readSync()) count++
  directory.closeSync()
  return count
}
