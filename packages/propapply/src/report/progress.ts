// A line on standard error that says how far the work is, when a person sees only that.
import { writeDiagnostic } from '@plumbline/common/cli/diagnose'

const redrawMs = 100
const erase = '\r\u001b[K'

export class Progress {
  readonly #total: number
  #done = 0
  #isShown = false
  #timer: NodeJS.Timeout | undefined

  constructor(total: number) {
    this.#total = total
  }

  step(): void {
    this.#done++
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#isShown = true
      writeDiagnostic(`${erase}propapply: ${this.#done} of ${this.#total}`)
    }, redrawMs)
  }

  end(): void {
    clearTimeout(this.#timer)
    if (this.#isShown) writeDiagnostic(erase)
  }
}
