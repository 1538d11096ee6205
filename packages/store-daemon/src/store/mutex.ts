// Exclusion among the connections of this process: POSIX locks exclude only other processes.
// Pure: no I/O.

/** Waiters are served in order. */
export class Mutex {
  #held = false
  readonly #waiting: (() => void)[] = []

  get isHeld(): boolean {
    return this.#held
  }

  /** Takes it when it is free; never waits. */
  tryTake(): boolean {
    if (this.#held) return false
    this.#held = true
    return true
  }

  async take(): Promise<void> {
    if (this.tryTake()) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#held = false
  }
}
