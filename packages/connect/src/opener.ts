// Opens the hops of one run, and keeps what has to be closed.
import { join } from 'node:path'
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { aborted } from '@plumbline/common/process/aborted'
import { Limit } from '@plumbline/common/process/limit'
import type { ConnectionRecord } from '@plumbline/common/records/connection'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { makeIdentifier } from '@plumbline/common/records/identifier'
import type { Hop, Lower, OpenedHop } from './hop.ts'
import { ConnectionServer } from './serve/connection-server.ts'
import { FactCache } from './serve/fact-cache.ts'
import type { RuntimeDirectory } from './serve/runtime-directory.ts'
import type { Secrets } from './secrets.ts'
import type { UpstreamConnection } from './upstream.ts'

export type Outcome = { record: OutRecord; failed: boolean }

type Run = { tool: Tool; hop: Hop; timeoutMs: number; directory: RuntimeDirectory; secrets: Secrets }

/** Each of them logs in, or starts processes, all at the same time. */
const mostAtOnce = 32

export class Opener {
  readonly servers: ConnectionServer[] = []
  readonly sockets: string[] = []
  readonly #limit = new Limit(mostAtOnce)
  readonly #run: Run
  readonly #lowers: Promise<Lower>[] = []
  readonly #outcomes: Promise<Outcome>[] = []
  /** Rejects at a signal. */
  readonly #aborted: Promise<never>

  constructor(run: Run) {
    this.#run = run
    this.#aborted = aborted(run.tool.signal)
  }

  /** One outcome, a connection or an error record, for each target on this connection. */
  open(upstream: UpstreamConnection, targets: readonly string[]): Promise<Outcome>[] {
    const { lower } = upstream
    this.#lowers.push(lower)
    const open = (target: string) => this.#limit.run(() => this.#openOne(lower, target))
    const outcomes = targets.map((target) =>
      open(target).catch((error) => this.#refuse(upstream, target, toToolError(error))),
    )
    this.#outcomes.push(...outcomes)
    return outcomes
  }

  /** Closes what has been opened, the innermost first, and waits for what is still being opened. */
  async close(): Promise<void> {
    await Promise.all(this.#outcomes)
    await Promise.all(this.servers.map((server) => server.close()))
    const lowers = await Promise.allSettled(this.#lowers)
    await Promise.all(
      lowers.map((lower) => (lower.status === 'fulfilled' ? lower.value.connection.close() : undefined)),
    )
  }

  async #openOne(entering: Promise<Lower>, target: string): Promise<Outcome> {
    const { tool, hop, timeoutMs, directory, secrets } = this.#run
    const lower = await entering
    tool.signal.throwIfAborted()
    const opening = hop.open({
      lower,
      target,
      timeoutMs,
      secrets,
      arguments: tool.arguments,
      diagnose: tool.diagnose,
      environment: tool.environment,
    })
    // What it has begun by then ends with the connection beneath, or with this process.
    const opened = await Promise.race([opening, this.#aborted])
    const id = makeIdentifier(Date.now())
    const socket = join(directory.path(), `${id}.sock`)
    const facts = new FactCache(opened.connection, opened.place, {
      beneath: lower.connection,
      kept: hop.keeps ?? [],
    })
    const server = new ConnectionServer(opened.connection, facts)
    this.servers.push(server)
    this.sockets.push(socket)
    await server.listen(socket)
    tool.signal.throwIfAborted()
    server.record = describe(lower, opened, { id, socket })
    return { record: server.record, failed: false }
  }

  #refuse(
    { host, hops }: { host: string; hops: readonly string[] },
    target: string,
    error: ToolError,
  ): Outcome {
    const { tool } = this.#run
    if (!tool.signal.aborted) tool.diagnose(error.message)
    const hop = target ? `${tool.arguments.command}:${target}` : tool.arguments.command
    const where = { host: this.#run.hop.namesHosts ? target : host, hop, hops }
    return { record: makeErrorRecord('connect', error, where), failed: true }
  }
}

function describe(lower: Lower, opened: OpenedHop, where: { id: string; socket: string }): ConnectionRecord {
  const { place, label, host = lower.host } = opened
  const hops = [...lower.hops, label]
  const kind = opened.connection.fork ? 'agent' : 'posix'
  return { type: 'connection', id: where.id, host, hops, kind, socket: where.socket, ...place }
}
