// A hold on a process: a pidfd (pidfd_open(2)). What it signals and waits for is that process and never another
// one that got its number.
import { closeSync } from 'node:fs'
import { native } from '@plumbline/common/syscall/native'
import { errnoOf } from '@plumbline/common/error/translate'
import { findProcess } from './process.ts'

export class ProcessHandle {
  readonly pid: number
  readonly #fd: number

  private constructor(pid: number, fd: number) {
    this.pid = pid
    this.#fd = fd
  }

  /** Undefined when that process has ended. */
  static open(process: { pid: number; start: number }): ProcessHandle | undefined {
    let fd: number
    try {
      fd = native().pidfdOpen(process.pid)
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return undefined
      throw error
    }
    // Looked at again now that it is held: before, the number could have changed hands.
    const handle = new ProcessHandle(process.pid, fd)
    if (findProcess(process)) return handle
    handle.close()
    return undefined
  }

  /** False when it has ended. Throws EPERM. A keeper takes `value` for the milliseconds until it kills. */
  signal(number: number, value = 0): boolean {
    try {
      native().pidfdSendSignal(this.#fd, number, value)
      return true
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return false
      throw error
    }
  }

  /** True when it has ended within `ms`; a zombie has. */
  ended(ms: number): Promise<boolean> {
    const { watch, unwatch } = native()
    return new Promise((resolve) => {
      const finish = (ended: boolean) => {
        clearTimeout(timer)
        unwatch(token)
        resolve(ended)
      }
      const timer = setTimeout(finish, ms, false)
      const token = watch(this.#fd, () => finish(true))
    })
  }

  /** A duplicate of one of its descriptors. Throws EPERM, EBADF. */
  takeDescriptor(fd: number): number {
    return native().pidfdGetfd(this.#fd, fd)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
