// The one writer of valid paths. What asks to be registered in one turn of the event loop shares a transaction: a
// commit costs more than everything else about a small item. A lock that another process holds is waited for
// without blocking the thread.
import { ToolError } from '@plumbline/common/error/tool-error'
import { fault } from '../fault.ts'
import { explainFailure } from './explain-failure.ts'
import { isBusy } from './open.ts'
import type { PathDatabase } from './path-database.ts'

export type Registration = {
  path: string
  /** Of the nar, hex sha256. */
  narHash: string
  narSize: number
  references: readonly string[]
  deriver: string | null
  /** Output name → path, of a derivation. */
  outputs?: ReadonlyMap<string, string>
  /** Files of `.links` that may have been made for it. */
  links?: readonly string[]
  /** Waits until it is in place; false when another one was there already, which is registered. */
  isPlaced?: () => boolean
}

/** Something that writes inside a transaction; it may throw, and then writes nothing. */
type Write = () => void
type Waiting = { write: Write; resolve: () => void; reject: (error: unknown) => void }

const retryMs = 5

export class Registrar {
  readonly #database: PathDatabase
  readonly #savepoint: (write: Write) => void
  readonly #commitAll: (batch: readonly Waiting[]) => void
  readonly #commitEach: (batch: readonly Waiting[]) => unknown[]
  readonly #insert
  readonly #reference
  readonly #output
  #waiting: Waiting[] = []
  #scheduled = false

  constructor(database: PathDatabase) {
    const { connection } = database
    this.#database = database
    this.#insert = connection
      .prepare<unknown[], number>(
        `insert into ValidPaths (path, hash, registrationTime, deriver, narSize) values (?, ?, ?, ?, ?)
         on conflict (path) do update set narSize = excluded.narSize, hash = excluded.hash returning id`,
      )
      .pluck()
    this.#reference = connection.prepare('insert or replace into Refs (referrer, reference) values (?, ?)')
    this.#output = connection.prepare(
      'insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)',
    )
    this.#savepoint = connection.transaction((write: Write) => write())
    this.#commitAll = connection.transaction((batch: readonly Waiting[]) => {
      for (const { write } of batch) write()
    })
    this.#commitEach = connection.transaction((batch: readonly Waiting[]) =>
      batch.map(({ write }) => this.#attempt(write)),
    )
  }

  /** Resolves when the item is in the database. Throws REFERENCE_NOT_VALID. */
  register(item: Registration): Promise<void> {
    return this.write(() => this.#register(item))
  }

  /** All or none; each after what it refers to among them. Throws REFERENCE_NOT_VALID. */
  registerAll(items: readonly Registration[]): Promise<void> {
    return this.write(() => {
      for (const item of items) this.#register(item)
    })
  }

  /** Resolves when what `write` wrote has been committed. It may run again if the commit had to wait. */
  write(write: Write): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    let failures: unknown[]
    try {
      fault('register-before-commit')
      failures = this.#commit(batch)
    } catch (error) {
      if (isBusy(error)) {
        this.#database.forgetAll()
        this.#waiting = [...batch, ...this.#waiting]
        setTimeout(() => this.#flush(), retryMs)
        return
      }
      this.#database.forgetAll()
      const failure = this.#explain(error)
      failures = batch.map(() => failure)
    }
    this.#scheduled = false
    fault('register-after-commit')
    for (const [index, { resolve, reject }] of batch.entries()) {
      const failure = failures[index]
      if (failure === undefined) resolve()
      else reject(failure)
    }
  }

  /** What failed of a batch, by position. */
  #commit(batch: readonly Waiting[]): unknown[] {
    try {
      this.#commitAll(batch)
      return []
    } catch (error) {
      if (isBusy(error)) throw error
      this.#database.forgetAll()
      // Seldom; each gets a savepoint then, which costs as much again as what it writes.
      return batch.length === 1 ? [this.#explain(error)] : this.#commitEach(batch)
    }
  }

  /** One item's failure is its own: the others of the batch are committed. */
  #attempt(write: Write): unknown {
    try {
      this.#savepoint(write)
      return undefined
    } catch (error) {
      if (isBusy(error)) throw error
      // Ids that were handed out in what has just been rolled back.
      this.#database.forgetAll()
      return this.#explain(error)
    }
  }

  #explain(error: unknown): unknown {
    return explainFailure(error, this.#database.connection.name)
  }

  #register({ path, narHash, narSize, references, deriver, outputs, isPlaced }: Registration): void {
    if (isPlaced?.() === false) return
    const hash = `sha256:${narHash}`
    const time = Math.floor(Date.now() / 1000)
    const id = this.#insert.get(path, hash, time, deriver, narSize)
    for (const reference of references) {
      const target = reference === path ? id : this.#database.idOf(reference)
      if (target === undefined) throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
      this.#reference.run(id, target)
    }
    for (const [name, output] of outputs ?? []) this.#output.run(id, name, output)
  }
}
