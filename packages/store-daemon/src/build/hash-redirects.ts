// Builds without a sandbox of outputs that are there already: the builder is told other names of the same length, and
// what it has written is corrected afterwards.
import { formatBase32 } from '@plumbline/common/store/base32'
import { digest } from '@plumbline/common/store/hash'
import { hashPart, hashPartLength } from '@plumbline/common/store/store-path'

export class HashRedirects {
  readonly #store: string
  readonly #byPath = new Map<string, string>()

  constructor(store: string) {
    this.#store = store
  }

  get isEmpty(): boolean {
    return this.#byPath.size === 0
  }

  add(derivation: string, path: string): void {
    const fake = formatBase32(digest('sha256', `rewrite:${derivation}:${path}`)).slice(0, hashPartLength)
    this.#byPath.set(path, `${this.#store}/${fake}${path.slice(this.#store.length + 1 + hashPartLength)}`)
  }

  /** Where the builder puts an output. */
  placeOf(path: string): string {
    return this.#byPath.get(path) ?? path
  }

  places(): string[] {
    return [...this.#byPath.values()]
  }

  /** What the builder is told. */
  apply(text: string): string {
    let result = text
    for (const [path, fake] of this.#byPath) {
      result = result.replaceAll(hashPart(this.#store, path), hashPart(this.#store, fake))
    }
    return result
  }

  /** Hash parts: what the builder has been told → the real one. */
  words(): [string, string][] {
    return [...this.#byPath].map(([path, fake]) => [hashPart(this.#store, fake), hashPart(this.#store, path)])
  }
}
