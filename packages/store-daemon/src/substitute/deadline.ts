// How long a download may take, and be silent, if its client has said so.
import { ToolError } from '@plumbline/common/error/tool-error'
import { readBuildSettings } from '../build/build-settings.ts'
import type { Session } from '../session.ts'

export class Deadline {
  readonly #controller = new AbortController()
  readonly #silenceMs: number
  readonly #timers: NodeJS.Timeout[] = []
  #silence: NodeJS.Timeout | undefined
  /** Why it was ended, if it was. */
  timedOut: ToolError | undefined
  /** Aborted when time is up, and when `signal` is. */
  readonly signal: AbortSignal

  constructor(session: Session, signal: AbortSignal) {
    const { silenceMs, timeoutMs } = readBuildSettings(session)
    this.#silenceMs = silenceMs
    this.signal = AbortSignal.any([signal, this.#controller.signal])
    if (timeoutMs > 0) {
      this.#timers.push(setTimeout(() => this.#expire('The download', timeoutMs), timeoutMs))
    }
    this.touch()
  }

  /** Something has come. */
  touch(): void {
    if (this.#silenceMs === 0) return
    if (this.#silence) return void this.#silence.refresh()
    this.#silence = setTimeout(() => this.#expire('The silence', this.#silenceMs), this.#silenceMs)
    this.#timers.push(this.#silence)
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #expire(what: string, ms: number): void {
    this.timedOut = new ToolError('TIMEOUT', { what, ms })
    this.#controller.abort()
  }
}
