// Collects garbage while other connections go on working.
//
// A worker thread marks a snapshot of the graph. What gets a new referrer or a root after that is marked here, with all
// it keeps, before anything else happens on this thread, so a path is deleted only if nobody has asked for it up to
// the instant its row goes. Rows go first, referrers before what they refer to, in transactions of many; files
// follow. A crash in between leaves files without a row, which the next start or collection removes.
import type { Registrar } from '../database/registrar.ts'
import { fault } from '../fault.ts'
import { claimPath, isPathLocked, unlockPath } from '../store/path-locks.ts'
import type { Store } from '../store/store.ts'
import type { RootSet } from '../store/temp-roots.ts'
import { startHere } from '../work/start-here.ts'
import type { RunningJob } from '../work/worker-pool.ts'
import {
  collect,
  type Candidate,
  type CollectAction,
  type CollectArgs,
  type CollectMessage,
  type CollectResult,
  type Marked,
} from './collect-job.ts'
import { basePath } from '../store/base-path.ts'
import { holdForeignRoots } from './foreign-roots.ts'
import { findHungRoots } from './hung-roots.ts'
import type { KeepSettings } from './graph.ts'
import { markAlive } from './mark.ts'

export type CollectRequest = {
  action: CollectAction
  paths: readonly string[]
  /** Stop when more than that has been freed; Infinity for no limit. */
  maxFreed: number
  settings: KeepSettings
  keepDeadMs: number
  /** Of the connection that collects: its own roots do not count. */
  own: RootSet
  log: (level: number, text: string) => void
  signal: AbortSignal
}

export type Collected = CollectResult & { bytesFreed: number; removed: string[] }

const batchSize = 256
/** Marked in less time than a thread takes to start, and never more than some milliseconds of it at once. */
const maxPathsHere = 20_000

export function collectGarbage(store: Store, request: CollectRequest): Promise<Collected> {
  const { log } = request
  return store.gcLock.exclusively(
    async () => {
      // Whoever has left while it had to wait does not want it any more.
      request.signal.throwIfAborted()
      log(0, 'finding garbage collector roots...')
      const hung = await findHungRoots(store.config.store, store.config.state)
      const foreign = await holdForeignRoots(store.config.state, store.tempRoots)
      for (const file of foreign.removed) log(0, `removing stale temporary roots file \`${file}'`)
      // The collector's own roots are dropped for good: its client knows what it deletes.
      if (!isQuery(request.action)) store.tempRoots.clear(request.own)
      try {
        return await new Collection(store, request, foreign.paths, hung).run()
      } finally {
        foreign.release()
      }
    },
    () => log(0, 'waiting for the big garbage collector lock...'),
  )
}

function isQuery(action: CollectAction): boolean {
  return action === 'live' || action === 'dead' || action === 'why'
}

class Collection {
  readonly #store: Store
  readonly #request: CollectRequest
  readonly #args: CollectArgs
  #marked: Marked | undefined
  /** Paths that were asked for before the marks had come. */
  readonly #protected = new Set<string>()
  /** Paths that nobody else may touch, by the batch that they are removed in. */
  readonly #claimed: string[][] = [[]]
  /** How often each is in there: as itself, and for what lies beside it. */
  readonly #claims = new Map<string, number>()
  readonly #removed: string[] = []
  #freed = 0
  #failure: unknown

  constructor(
    store: Store,
    request: CollectRequest,
    foreignRoots: ReadonlySet<string>,
    hung: readonly string[],
  ) {
    this.#store = store
    this.#request = request
    const { action, paths, settings, keepDeadMs, own } = request
    const { store: directory, state, database, deduplicate } = store.config
    const tempRoots = [...store.tempRoots.list(own), ...foreignRoots]
    const now = Date.now()
    this.#args = {
      store: directory,
      state,
      database,
      action,
      paths,
      settings,
      tempRoots,
      hung,
      deduplicate,
      keepDeadMs,
      now,
    }
  }

  async run(): Promise<Collected> {
    const { log, signal } = this.#request
    const unlisten = this.#store.protectors.add((path) => this.#protect(path))
    const job: RunningJob<CollectResult> = this.#start((message) => {
      this.#receive(message as CollectMessage, job).catch((error: unknown) => {
        this.#failure = error
        job.stop()
      })
    })
    const stop = () => job.stop()
    signal.addEventListener('abort', stop)
    try {
      const { action } = this.#request
      if (action !== 'specific')
        log(0, action === 'delete' ? 'deleting garbage...' : 'determining live/dead paths...')
      const result = await job.result
      if (this.#failure) throw this.#failure
      return { ...result, bytesFreed: this.#freed, removed: this.#removed }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#unclaim(this.#claimed.splice(0).flat())
      unlisten()
    }
  }

  #start(onMessage: (message: unknown) => void): RunningJob<CollectResult> {
    const { pool, database } = this.#store
    return isQuery(this.#request.action) && !pool.isWarm && database.largestId() <= maxPathsHere
      ? startHere(collect, this.#args, onMessage)
      : pool.start('collect', this.#args, onMessage)
  }

  async #receive(message: CollectMessage, job: RunningJob<CollectResult>): Promise<void> {
    const { log, maxFreed } = this.#request
    if ('log' in message) return log(message.level, message.log)
    // With a limit, what one item gave back is known before the next one goes.
    const inOrder = Number.isFinite(maxFreed)
    const next = inOrder ? 1 : batchSize
    if ('marked' in message) {
      this.#marked = message.marked
      for (const path of this.#protected) this.#protect(path)
      return job.send({ remove: [], next, inOrder })
    }
    if ('freed' in message) {
      this.#unclaim(this.#claimed.shift() ?? [])
      this.#freed += message.freed
      return undefined
    }
    if (message.batch.length === 0) return job.send({ finish: true })
    if (this.#freed > maxFreed) {
      log(0, `deleted or invalidated more than ${maxFreed} bytes; stopping`)
      return job.send({ finish: true })
    }
    const remove = await this.#invalidate(message.batch, this.#store.registrar)
    const megabytes = Math.floor(this.#freed / 2 ** 20)
    if (remove.length > 0) log(1, remove.map((path) => `[${megabytes} MiB] deleting '${path}'`).join('\n'))
    for (const path of remove) this.#removed.push(path)
    return job.send({ remove, next, inOrder })
  }

  /** Takes what is still dead out of the database. */
  async #invalidate(batch: readonly Candidate[], registrar: Registrar): Promise<string[]> {
    const claimed: string[] = []
    this.#claimed.push(claimed)
    let gone: string[] = []
    await registrar.write(() => {
      // It may run again, when another process held the database.
      this.#unclaim(claimed.splice(0))
      gone = []
      for (const { node, path } of batch) {
        if (node < 0 ? this.#isNeeded(path) : this.#marked?.alive[node] !== 0) continue
        if (!this.#claim(path, claimed)) continue
        // What is beside an item goes before somebody makes that one, who would have the same.
        if (node < 0 && !this.#claim(basePath(path), claimed)) continue
        if (node >= 0 && !this.#store.database.invalidate(this.#marked?.ids[node] ?? -1, path)) {
          // Somebody in another process refers to it since.
          this.#protect(path)
          continue
        }
        gone.push(path)
      }
      fault('gc-before-commit')
    })
    fault('gc-after-commit')
    return gone
  }

  /** A name that the database does not know, and that is being made now. */
  #isNeeded(path: string): boolean {
    const base = basePath(path)
    return (
      (isPathLocked(base) && !this.#claims.has(base)) ||
      this.#store.tempRoots.has(base) ||
      this.#store.database.idOf(path) !== undefined
    )
  }

  #protect(path: string): void {
    const marked = this.#marked
    if (!marked) return void this.#protected.add(path)
    const id = this.#store.database.idOf(path)
    const node = id === undefined ? -1 : (marked.nodes[id] ?? -1)
    if (node >= 0) markAlive(marked, marked.alive, [node])
  }

  #claim(path: string, claimed: string[]): boolean {
    const count = this.#claims.get(path) ?? 0
    if (count === 0 && !claimPath(path)) return false
    this.#claims.set(path, count + 1)
    claimed.push(path)
    return true
  }

  #unclaim(claimed: readonly string[]): void {
    for (const path of claimed) {
      const count = this.#claims.get(path) ?? 0
      if (count > 1) this.#claims.set(path, count - 1)
      else {
        this.#claims.delete(path)
        unlockPath(path)
      }
    }
  }
}
