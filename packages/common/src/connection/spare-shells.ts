// Shells that wait in BOOT for commands which have not been asked for yet. To be given one costs it a single trip; to
// start one costs three over ssh, and all that a PAM session takes.
import type { ShellProcess } from './shell-process.ts'

export class SpareShells {
  readonly #start: () => ShellProcess
  #waiting: ShellProcess[] = []

  constructor(start: () => ShellProcess) {
    this.#start = start
  }

  /** Has so many waiting. Nobody waits for them, and one that cannot be had, or dies, is not missed. */
  prepare(count: number): void {
    while (this.#waiting.length < count) {
      const shell = this.#start()
      this.#waiting.push(shell)
      const forget = () => (this.#waiting = this.#waiting.filter((each) => each !== shell))
      shell.status.then(forget, forget)
    }
  }

  /** The one that has waited longest. */
  take(): ShellProcess | undefined {
    return this.#waiting.shift()
  }

  /** BOOT ends with its input. */
  leave(): void {
    for (const shell of this.#waiting.splice(0)) {
      shell.stdin.end()
      void shell.leave()
    }
  }
}
