// A password or passphrase that can be sent but not printed: it has no enumerable field, every way of turning it
// into text gives a placeholder, and JSON refuses it.
// Pure: no I/O.
import { inspect } from 'node:util'

const placeholder = '[secret]'

export class Secret {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The bytes themselves, for the one place that sends them on. */
  reveal(): Buffer {
    return this.#bytes
  }

  toString(): string {
    return placeholder
  }

  toJSON(): never {
    throw new TypeError('a secret cannot be serialised')
  }

  [inspect.custom](): string {
    return placeholder
  }
}
