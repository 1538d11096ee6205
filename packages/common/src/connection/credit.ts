// Bytes that may be sent without being asked for again.
// Pure: no I/O.

export class Credit {
  #bytes: number
  #wake: (() => void)[] = []

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Resolves when something may be sent; sending may then overdraw by one chunk. */
  async take(bytes: number): Promise<void> {
    while (this.#bytes <= 0) await new Promise<void>((resolve) => this.#wake.push(resolve))
    this.#bytes -= bytes
  }

  grant(bytes: number): void {
    this.#bytes += bytes
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Lets everything go: there is nobody left to wait for. */
  release(): void {
    this.grant(Number.POSITIVE_INFINITY)
  }
}
