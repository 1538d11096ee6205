// A lock file that this process shares with other daemons on the same state: gc.lock and db/big-lock.
//
// One descriptor for the life of the process: closing any other of the same file would drop the lock. Among the
// connections of this process a mutex excludes.
import { closeSync, openSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { Mutex } from './mutex.ts'
import { waitForLock } from './wait-for-lock.ts'

export class ProcessLock {
  readonly #fd: number
  readonly #mutex = new Mutex()
  #isSole = false

  constructor(file: string) {
    try {
      this.#fd = openSync(file, 'a+', 0o600)
    } catch (error) {
      throw new ToolError(
        'STORE_CONFIG',
        { reason: `cannot open \`${file}': ${reasonOf(error)}` },
        { cause: error },
      )
    }
  }

  /** Takes it shared, whatever the mutex says. */
  async share(): Promise<void> {
    if (native().recordLock(this.#fd, recordLockType.shared) === 0) {
      await waitForLock(this.#fd, recordLockType.shared)
    }
  }

  /** Takes it alone, if no other process has it. */
  trySole(): boolean {
    return native().recordLock(this.#fd, recordLockType.exclusive) === 1
  }

  /** Runs `action` while no other process has it alone: at once, unless one does. */
  whileNobodyCollects(action: () => void): void | Promise<void> {
    // Then it is this process that does, and other connections go on.
    if (this.#isSole) return action()
    if (this.#mutex.isHeld || native().recordLock(this.#fd, recordLockType.shared) === 0) {
      return this.#sharedly(action)
    }
    try {
      return action()
    } finally {
      native().recordLock(this.#fd, recordLockType.unlock)
    }
  }

  /** Runs `action` while nobody else, here or in another process, holds it so. `onWait` is told if it takes time. */
  async exclusively<T>(action: () => Promise<T>, onWait: () => void = () => undefined): Promise<T> {
    if (!this.#mutex.tryTake()) {
      onWait()
      await this.#mutex.take()
    }
    try {
      if (!this.trySole()) {
        onWait()
        await waitForLock(this.#fd, recordLockType.exclusive)
      }
      this.#isSole = true
      return await action()
    } finally {
      this.#isSole = false
      native().recordLock(this.#fd, recordLockType.unlock)
      this.#mutex.release()
    }
  }

  async #sharedly(action: () => void): Promise<void> {
    await this.#mutex.take()
    try {
      await this.share()
      action()
    } finally {
      native().recordLock(this.#fd, recordLockType.unlock)
      this.#mutex.release()
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}
