// A shell that waits in BOOT for a command which has not been asked for yet. To be given one costs it a single trip;
// to start one costs three over ssh, and all that a PAM session takes.
import type { ShellProcess } from './shell-process.ts'

export class SpareShell {
  readonly #start: () => ShellProcess
  #waiting: ShellProcess | undefined

  constructor(start: () => ShellProcess) {
    this.#start = start
  }

  /** Nobody waits for it, and one that cannot be had, or dies, is not missed. */
  prepare(): void {
    if (this.#waiting) return
    const shell = this.#start()
    this.#waiting = shell
    const forget = () => {
      if (this.#waiting === shell) this.#waiting = undefined
    }
    shell.status.then(forget, forget)
  }

  take(): ShellProcess | undefined {
    const shell = this.#waiting
    this.#waiting = undefined
    return shell
  }

  /** BOOT ends with its input. */
  leave(): void {
    this.take()?.stdin.end()
  }
}
