// Accepts connections and serves each as what it speaks, told by its first byte: `{` begins a record, anything else
// the worker protocol.
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { native } from '@plumbline/common/syscall/native'
import type { Config } from './config.ts'
import { ConnectionEnd } from './connection-end.ts'
import { findKnownUser } from './operations/user-profile.ts'
import { ByteReader, Disconnected } from '@plumbline/common/store/wire/byte-reader'
import { serveCalls } from './protocol/serve-calls.ts'
import { maxConnections } from './open-files.ts'
import { Seats } from './seats.ts'
import { listenAt } from './socket-place.ts'
import { endSession, isTrusted, makeSession, type Peer, type Session } from './session.ts'
import { Store } from './store/store.ts'
import { endWaiting } from './store/wait-for-lock.ts'

/** Where to listen: a Unix socket, a TCP address, or a socket that is open already. */
export type Address = { path: string } | { host: string; port: number } | { fd: number }

type Say = (text: string) => void

const lingerMs = 2000

export class StoreServer {
  readonly #config: Config
  readonly #pid: number
  readonly #diagnose: Say
  readonly #servers: Server[] = []
  readonly #connections = new Map<Promise<void>, ConnectionEnd>()
  readonly #seats = new Seats(maxConnections())
  #store: Promise<Store> | undefined

  constructor(config: Config, pid: number, diagnose: Say) {
    this.#config = config
    this.#pid = pid
    this.#diagnose = diagnose
  }

  /** Throws LISTEN_FAILED. */
  async listen(address: Address): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    const where =
      'path' in address ? address.path : 'host' in address ? address.host : `descriptor ${address.fd}`
    try {
      const listen = async () => {
        server.listen(address as ListenOptions)
        await once(server, 'listening')
      }
      if ('path' in address) {
        await listenAt(address.path, listen)
        chmodSync(address.path, 0o666)
      } else await listen()
    } catch (error) {
      server.close()
      if (error instanceof ToolError) throw error
      throw new ToolError('LISTEN_FAILED', { address: where, reason: reasonOf(error) }, { cause: error })
    }
    this.#servers.push(server)
  }

  /** Serves one connection that is open already; resolves when it has ended. */
  serve(socket: Duplex, peer: Peer, remote: boolean): Promise<void> {
    const end = new ConnectionEnd(() => socket.destroy())
    const serving = this.#serve(socket, peer, remote, end).catch((error: unknown) => {
      if (!(error instanceof Disconnected)) this.#diagnose(`unexpected error: ${reasonOf(error)}`)
    })
    this.#connections.set(serving, end)
    return serving.finally(() => this.#connections.delete(serving))
  }

  /** Ends: no new connections, what is being done is aborted and cleaned up. */
  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const end of this.#connections.values()) end.come()
    endWaiting()
    await Promise.all(this.#connections.keys())
    const store = await this.#store?.catch(() => undefined)
    await store?.close()
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const { peer, remote } = identify(socket)
    if (!this.#seats.take(peer.uid, isTrusted(peer))) {
      this.#diagnose(`refused connection from ${peer.name}: there are too many`)
      return void socket.destroy()
    }
    socket.once('close', () => this.#seats.leave(peer.uid))
    this.#diagnose(
      remote
        ? `accepted connection from ${peer.name}`
        : `accepted connection from pid ${peer.pid}, user ${peer.name}`,
    )
    void this.serve(socket, peer, remote)
  }

  async #serve(socket: Duplex, peer: Peer, remote: boolean, end: ConnectionEnd): Promise<void> {
    const reader = new ByteReader(socket)
    let session: Session | undefined
    const open = async () => (session ??= makeSession(await this.#open(), peer, remote, end))
    // A client that is gone needs no answer; one that speaks records may have closed its side after the question.
    socket.on('close', () => end.come())
    try {
      if (!(await reader.hasMore())) return
      if (reader.peek() === 0x7b) {
        const { serveRecords } = await import('./records/serve-records.ts')
        await serveRecords({ socket, reader, open })
      } else {
        socket.on('end', () => end.come())
        await serveCalls({ socket, reader, open })
      }
    } finally {
      try {
        if (session) endSession(session)
      } finally {
        closeSlowly(socket, reader)
      }
    }
  }

  /** The store is opened by the first connection, and again by the next one when that failed. */
  #open(): Promise<Store> {
    this.#store ??= Store.open(this.#config, this.#pid)
    this.#store.catch(() => (this.#store = undefined))
    return this.#store
  }
}

/** What the client is still sending is read and dropped for a while: closing at once could cost it the last reply. */
function closeSlowly(socket: Duplex, reader: ByteReader): void {
  reader.discard()
  socket.end()
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
  if (reader.ended) socket.once('finish', () => socket.destroy())
}

/** Who is at the other end, by the kernel's word. */
function identify(socket: Socket): { peer: Peer; remote: boolean } {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null }
  const fd = handle?.fd ?? -1
  const afUnix = 1
  if (fd < 0 || native().socketFamily(fd) !== afUnix) {
    return { peer: { uid: undefined, pid: undefined, name: socket.remoteAddress ?? 'unknown' }, remote: true }
  }
  const [pid, uid] = native().peerCredentials(fd)
  return { peer: { uid, pid, name: findKnownUser(uid)?.name ?? String(uid) }, remote: false }
}
