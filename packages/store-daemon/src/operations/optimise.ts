// Links equal files of all items to each other.
import type { Session } from '../session.ts'
import type { DeduplicateItems, FromDeduplicate, Saved } from '../work/deduplicate-items.ts'

/** Items that are kept from collections at a time. */
const partSize = 256

export async function optimiseStore(session: Session): Promise<Saved> {
  const { store, log, signal } = session
  const parts = new Parts(session)
  let failure: unknown
  const args: DeduplicateItems = { store: store.config.store }
  const job = store.pool.start<Saved>('deduplicateItems', args, (message) => {
    const said = message as FromDeduplicate
    if ('skipped' in said) return log(0, `skipping suspicious writable file \`${said.skipped}'`)
    parts.next().then(job.send, (error: unknown) => {
      failure = error
      job.stop()
    })
  })
  const stop = () => job.stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) stop()
    const saved = await job.result
    signal.throwIfAborted()
    if (failure) throw failure
    log(0, `${(saved.bytes / 2 ** 20).toFixed(2)} MiB freed by hard-linking ${saved.files} files`)
    return saved
  } finally {
    signal.removeEventListener('abort', stop)
    parts.release()
  }
}

/** The valid items, part by part. A file that is renamed into a tree that is being removed would be in its way. */
class Parts {
  readonly #session: Session
  readonly #paths: readonly string[]
  #at = 0
  #held: readonly string[] = []

  constructor(session: Session) {
    this.#session = session
    this.#paths = session.store.database.allPaths()
  }

  /** None when there are no more. They stay until the next ones are asked for. */
  async next(): Promise<string[]> {
    const { roots, store } = this.#session
    while (this.#at < this.#paths.length) {
      this.release()
      const part = this.#paths.slice(this.#at, (this.#at += partSize))
      this.#held = part.filter((path) => !roots.paths.has(path))
      for (const path of part) await store.tempRoots.add(roots, path)
      // Not those that have been collected since.
      const valid = part.filter((path) => store.database.idOf(path) !== undefined)
      if (valid.length > 0) return valid
    }
    return []
  }

  release(): void {
    const { roots, store } = this.#session
    for (const path of this.#held) store.tempRoots.drop(roots, path)
    this.#held = []
  }
}
