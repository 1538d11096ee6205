// The secrets of one run: each is read or asked for once, when it is first needed, and serves every host.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { askSecret, canAsk } from '@plumbline/common/secret/ask-secret'
import { readSecret } from '@plumbline/common/secret/read-secret'
import type { Secret } from '@plumbline/common/secret/secret'
import {
  parseSecretSource,
  type SecretName,
  type SecretSource,
} from '@plumbline/common/secret/secret-options'

export class Secrets {
  readonly #sources: Readonly<Record<SecretName, SecretSource | undefined>>
  readonly #signal: AbortSignal
  readonly #known = new Map<string, Promise<Secret>>()
  #asking: Promise<unknown> = Promise.resolve()

  /** Throws USAGE. */
  constructor({ arguments: args, signal }: Pick<Tool, 'arguments' | 'signal'>) {
    this.#sources = {
      password: parseSecretSource('password', args),
      passphrase: parseSecretSource('passphrase', args),
    }
    this.#signal = signal
  }

  /** Whether the user has said where it comes from. */
  isGiven(name: SecretName): boolean {
    return this.#sources[name] !== undefined
  }

  /** Whether it can be had at all. */
  isAvailable(name: SecretName): boolean {
    return this.isGiven(name) || canAsk()
  }

  /** From its source, else from the terminal, one question at a time. Throws SECRET_UNREADABLE, SECRET_NEEDED. */
  get(name: SecretName, prompt: string): Promise<Secret> {
    const source = this.#sources[name]
    const key = source ? name : prompt
    const reading = this.#known.get(key) ?? (source ? readSecret(source, name) : this.#ask(prompt, name))
    this.#known.set(key, reading)
    return reading
  }

  #ask(prompt: string, name: string): Promise<Secret> {
    const asked = this.#asking.then(() => askSecret(prompt, name, this.#signal))
    this.#asking = asked.catch(() => undefined)
    return asked
  }
}
