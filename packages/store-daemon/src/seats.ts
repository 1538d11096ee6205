// How many there may be of something, and how many of them anybody's: connections, and temporary roots. What one user
// keeps is in nobody's way.
// Pure: no I/O.

/** Whoever comes over TCP has no uid, and is one with all the others. */
export type Holder = number | undefined

export class Seats {
  readonly #total: number
  readonly #taken = new Map<Holder, number>()
  #count = 0

  constructor(total: number) {
    this.#total = total
  }

  /** How many are taken. */
  get count(): number {
    return this.#count
  }

  /**
   * Whether there is a place for one more of theirs. Nobody has more than half of what the others leave, so that one is
   * left for whoever comes next; but who is `trusted` has all that there are.
   */
  take(holder: Holder, trusted: boolean): boolean {
    const own = this.#taken.get(holder) ?? 0
    const left = this.#total - this.#count
    if (left < 1 || (!trusted && own + 1 > (left + own) / 2)) return false
    this.#taken.set(holder, own + 1)
    this.#count++
    return true
  }

  leave(holder: Holder, count = 1): void {
    const own = this.#taken.get(holder) ?? 0
    if (own > count) this.#taken.set(holder, own - count)
    else this.#taken.delete(holder)
    this.#count -= count
  }
}
