// The end of a connection, for what goes on for it.
import { ToolError } from '@plumbline/common/error/tool-error'

/** Made once: it has a trace of the stack, which takes longer than all that is aborted by it. */
const gone = new ToolError('CANCELLED', { what: 'The connection' })

/** Most connections are over before anyone asks for a signal; to make one and abort it takes a sixth of what they do. */
export class ConnectionEnd {
  readonly #close: () => void
  #controller: AbortController | undefined
  #hasCome = false

  /** `close` is called once, when it comes. */
  constructor(close: () => void) {
    this.#close = close
  }

  /** Aborted when it comes, or has. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#hasCome) this.#controller.abort(gone)
    return this.#controller.signal
  }

  /** The client has gone, or is to go. */
  come(): void {
    if (this.#hasCome) return
    this.#hasCome = true
    this.#controller?.abort(gone)
    this.#close()
  }
}
