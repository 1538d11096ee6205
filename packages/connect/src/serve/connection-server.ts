// Serves one connection on its socket, for as long as it has clients.
import { createServer, type Server, type Socket } from 'node:net'
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { loadDecoder } from '@plumbline/common/ndjson/decode'
import { within } from '@plumbline/common/process/within'
import type { ConnectionRecord } from '@plumbline/common/records/connection'
import type { ClientSession } from './client-session.ts'
import type { FactCache } from './fact-cache.ts'

/** What serves a client. Loaded when nobody waits for it: whoever reads of the connection is on the way. */
export async function loadSession() {
  await loadDecoder()
  return await import('./client-session.ts')
}

export class ConnectionServer {
  readonly connection: Connection
  readonly #facts: FactCache
  readonly #server: Server
  readonly #sessions = new Set<ClientSession>()
  #tellVacant: (value?: unknown) => void = () => undefined
  /** Whoever has asked for the end is told about it when it has come. */
  #asker: ClientSession | undefined
  /** Told when a client comes, and when one leaves: whether it has sent anything. */
  onChange: (hasWorked: boolean) => void = () => undefined
  /** Told when somebody asks for the connection's end. */
  onClose: () => Promise<void> = () => this.close()
  /** What it is, for those who ask. */
  record: ConnectionRecord | undefined
  /** A client that sent something has come and left. */
  used = false

  constructor(connection: Connection, facts: FactCache) {
    this.connection = connection
    this.#facts = facts
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket))
  }

  get clients(): number {
    return [...this.#sessions].filter(({ isClient }) => isClient).length
  }

  /** Whether a client keeps it open at `deadline` (of monotonicMs()) and after. */
  isHeldAt(deadline: number): boolean {
    return [...this.#sessions].some((session) => session.isThereAt(deadline))
  }

  /** Throws CANNOT_CREATE. */
  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error) => reject(new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }))
      this.#server.once('error', fail).listen({ path, backlog: 1024 }, () => {
        this.#server.off('error', fail).on('error', () => undefined)
        resolve()
      })
    })
  }

  /** Resolves when no client is left, or after so long. */
  async vacate(withinMs: number): Promise<void> {
    if (this.#sessions.size > 0) await within(new Promise((tell) => (this.#tellVacant = tell)), withinMs)
  }

  /** Ends its clients, then the connection. */
  async close(): Promise<void> {
    this.#server.close()
    const sessions = [...this.#sessions]
    await Promise.all(sessions.map((session) => (session === this.#asker ? undefined : session.end())))
    await this.connection.close()
  }

  async #serve(socket: Socket): Promise<void> {
    const { ClientSession } = await loadSession()
    const session = new ClientSession(this.connection, socket, {
      describe: () => ({ type: 'described', connection: this.record ?? null, clients: this.clients }),
      facts: (names) => this.#facts.get(names),
      close: (asker) => {
        this.#asker = asker
        return this.onClose()
      },
    })
    this.#sessions.add(session)
    this.onChange(false)
    await session.serve()
    this.#sessions.delete(session)
    if (this.#sessions.size === 0) this.#tellVacant()
    const hasWorked = session.isClient && socket.bytesRead > 0
    if (hasWorked) this.used = true
    this.onChange(hasWorked)
  }
}
