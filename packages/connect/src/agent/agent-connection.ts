// The connection that an agent serves: everything is its own work, but for fresh agents, which the first agent of the
// chain starts: it is the one that has Node's file before it.
import type { Readable } from 'node:stream'
import type {
  Change,
  Connection,
  Running,
  RunRequest,
  WriteOptions,
} from '@plumbline/common/connection/connection'
import { askFacts } from '@plumbline/common/connection/facts'
import type { FactName, Facts } from '@plumbline/common/records/facts'
import type { ToolError } from '@plumbline/common/error/tool-error'

/** An agent leaves by itself when its input ends; after this long it is made to. */
const leaveMs = 6000

export type Fork = (changes: readonly Change[]) => Running

export class AgentConnection implements Connection {
  readonly fork: Fork
  readonly lost: Promise<ToolError>
  readonly #served: Connection
  readonly #running: Running

  constructor(served: Connection, running: Running, fork: Fork) {
    this.#served = served
    this.#running = running
    this.fork = fork
    this.lost = served.lost
  }

  run(request: RunRequest): Running {
    return this.#served.run(request)
  }

  runlines(request: RunRequest): Promise<string[]> {
    return this.#served.runlines(request)
  }

  readfile(path: string): Readable {
    return this.#served.readfile(path)
  }

  writefile(path: string, content: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<void> {
    return this.#served.writefile(path, content, options)
  }

  async evaluate(source: string, argument: unknown): Promise<unknown> {
    return this.#served.evaluate?.(source, argument)
  }

  facts(names: readonly FactName[]): Promise<Partial<Facts>> {
    return askFacts(this.#served, names)
  }

  async close(): Promise<void> {
    await this.#served.close()
    const timer = setTimeout(() => this.#running.cancel(), leaveMs)
    await this.#running.status.catch(() => undefined)
    clearTimeout(timer)
  }
}
