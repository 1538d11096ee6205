// Whoever has to hear, before anything else happens, that a path is needed: a collection that is going on.
// Pure: no I/O.

export class Protectors {
  readonly #listeners = new Set<(path: string) => void>()

  /** Returns what takes the listener away again. */
  add(listener: (path: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  protect(path: string): void {
    for (const listener of this.#listeners) listener(path)
  }
}
