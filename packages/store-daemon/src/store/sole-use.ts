// Sole use of a store: one lock that stands for the locks on all of its paths.
//
// Every daemon holds db/big-lock shared for as long as it has the store open, guix-daemon too. Where that can be made
// exclusive there is no other daemon, and one that starts waits: nobody is there who could see a lock on a path, or
// collect what a temporary root protects. Two system calls for many items then do what took several for each.
//
// It is held for a moment at a time, so that who comes does not wait long, and let go for another, so that it gets
// its turn. Before that, what goes on is locked path by path, and the temporary roots are written down.
import { fault } from '../fault.ts'
import type { ProcessLock } from './process-lock.ts'

const heldMs = 50
const restMs = 5

export class SoleUse {
  readonly #bigLock: ProcessLock
  readonly #beforeEnd: () => void
  #timer: NodeJS.Timeout | undefined
  #isHeld = false

  /** `bigLock` is shared by this process. `beforeEnd` runs while others are still kept out, and longer if it throws. */
  constructor(bigLock: ProcessLock, beforeEnd: () => void) {
    this.#bigLock = bigLock
    this.#beforeEnd = beforeEnd
  }

  /** Whether this process is alone; it stays so until this turn of the event loop is over. */
  take(): boolean {
    if (this.#isHeld) return true
    if (this.#timer || !this.#bigLock.trySole()) return false
    this.#isHeld = true
    this.#timer = setTimeout(() => this.#end(), heldMs).unref()
    return true
  }

  close(): void {
    if (this.#isHeld) this.#end()
    clearTimeout(this.#timer)
  }

  #end(): void {
    // close() comes before it, and by then its descriptor may be another lock's.
    clearTimeout(this.#timer)
    fault('sole-use-before-end')
    try {
      this.#beforeEnd()
    } catch {
      // A full disk, where nobody could come before there is room again.
      this.#timer = setTimeout(() => this.#end(), heldMs).unref()
      return
    }
    this.#isHeld = false
    // From exclusive to shared nothing has to be waited for.
    void this.#bigLock.share()
    this.#timer = setTimeout(() => (this.#timer = undefined), restMs).unref()
  }
}
