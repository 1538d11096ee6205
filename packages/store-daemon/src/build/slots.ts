// So many at a time, those with the smallest key first.
// Pure: no I/O.

type Waiting = { key: string; start: () => void; cancel: (reason: unknown) => void }

export class Slots {
  readonly #max: number
  #used = 0
  #waiting: Waiting[] = []
  #scheduled = false

  constructor(max: number) {
    this.#max = max
  }

  /** Whether one could be had at once. */
  get isFree(): boolean {
    return this.#used < this.#max && this.#waiting.length === 0
  }

  /** Resolves to what gives the slot back. Rejects when `signal` is aborted first. */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const waiting = { key, start: resolve, cancel: reject }
      const cancel = () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting)
        reject(signal.reason)
      }
      waiting.start = () => {
        signal.removeEventListener('abort', cancel)
        resolve()
      }
      signal.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(waiting)
      this.#schedule()
    })
    return () => {
      this.#used--
      this.#schedule()
    }
  }

  /** In a later turn: all that became ready in this one is then there to choose from. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#waiting.length > 1) this.#waiting.sort((a, b) => (a.key < b.key ? -1 : 1))
      while (this.#used < this.#max) {
        const next = this.#waiting.shift()
        if (!next) return
        this.#used++
        next.start()
      }
    })
  }
}
