// Builds whose daemon has died: their processes end by themselves, and until they have, nobody may use their users and
// directories.
//
// The sandbox program and all that it makes inherit a descriptor of `STATE/builders` with a shared lock (flock(2)), which
// so lives as long as the last of them. A daemon that is alone on the state takes it alone once, and knows then that
// there is nobody left.
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf } from '@plumbline/common/error/translate'
import { lockOperation, native } from '@plumbline/common/syscall/native'

const pollMs = 5
/** What ends cannot take longer, but for a process that the kernel itself keeps. */
const maxWaitMs = 10_000

export class OrphanWatch {
  readonly fd: number
  /** Resolves when builds may start. */
  readonly over: Promise<void>

  constructor(state: string, isAlone: boolean) {
    this.fd = openSync(`${state}/builders`, 'a+', 0o600)
    this.over = isAlone ? this.#wait() : Promise.resolve(this.#share())
  }

  close(): void {
    closeSync(this.fd)
  }

  async #wait(): Promise<void> {
    for (let waited = 0; waited < maxWaitMs && !this.#tryAlone(); waited += pollMs) await delay(pollMs)
    this.#share()
  }

  #tryAlone(): boolean {
    try {
      native().flock(this.fd, lockOperation.exclusive | lockOperation.nonBlocking)
      return true
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error
      return false
    }
  }

  #share(): void {
    native().flock(this.fd, lockOperation.shared)
  }
}
