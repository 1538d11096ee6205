// A store daemon of a test's own, with its store and state in a scratch folder.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import type { Scratch } from './scratch.ts'
import { environment, root } from './shell.ts'
import { DaemonError, WireClient } from './wire.ts'

export const storeDaemon = `${root}/packages/store-daemon/bin/store-daemon.cjs`
export const storeCli = `${root}/packages/store-cli/bin/store-cli.cjs`

export type StoreOptions = {
  /** Where the store is, instead of in the scratch folder. */
  store?: string
  args?: readonly string[]
  env?: Record<string, string>
  /** In front of the command, e.g. `unshare` with its arguments. */
  prefix?: readonly string[]
}

export class TestStore {
  readonly folder: string
  readonly store: string
  readonly state: string
  readonly socket: string
  readonly #options: StoreOptions
  #child: ChildProcess | undefined
  stderr = ''

  constructor(scratch: Scratch, name: string, options: StoreOptions = {}) {
    this.folder = scratch.file(name)
    mkdirSync(this.folder, { recursive: true })
    this.store = options.store ?? `${this.folder}/store`
    this.state = `${this.folder}/state`
    this.socket = `${this.state}/daemon-socket/socket`
    this.#options = options
    scratch.onEnd(async () => void (await this.stop()))
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    const { args = [], prefix = [] } = this.#options
    const line = [
      ...prefix,
      process.execPath,
      storeDaemon,
      '--store',
      this.store,
      '--state',
      this.state,
      ...args,
    ]
    const [command = '', ...rest] = line
    const child = spawn(command, rest, {
      env: environment({ ...this.#options.env, ...env }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#child = child
    await this.#untilServing(child)
  }

  connect(): Promise<WireClient> {
    return WireClient.open(this.socket)
  }

  /** Ends it as an administrator would; its exit status or signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<string | number | null> {
    const child = this.#child
    this.#child = undefined
    if (!child) return null
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      child.kill(signal)
      await exit
    }
    return child.signalCode ?? child.exitCode
  }

  /** Until it has died by itself. */
  async untilDead(): Promise<void> {
    const child = this.#child
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    this.#child = undefined
  }

  /** A connection attempt is the event to wait for: there is nothing that tells when a socket is listened on. */
  async #untilServing(child: ChildProcess): Promise<void> {
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`store-daemon: ${this.stderr}`)
      if (existsSync(this.socket)) {
        const client = await this.connect().catch((error: unknown) => {
          // It serves, and refuses.
          if (error instanceof DaemonError) throw error
          return undefined
        })
        client?.close()
        if (client) return
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

/** One for a single test, which ends with it, and so do the connections to it. */
export async function startStore(
  scratch: Scratch,
  name: string,
  options: StoreOptions = {},
): Promise<TestStore> {
  const store = new TestStore(scratch, name, options)
  onTestFinished(async () => void (await store.stop()))
  await store.start()
  return store
}
