// A connection to a store daemon, ours or a real guix-daemon: one call at a time, as the protocol has it.
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { drained } from '@plumbline/common/process/drained'
import { fromByteString } from '@plumbline/common/store/byte-string'
import { ByteReader, Disconnected } from '@plumbline/common/store/wire/byte-reader'
import { WireWriter } from '@plumbline/common/store/wire/wire-writer'
import { callNumber, clientMagic, daemonMagic, daemonVersion, tag } from '@plumbline/common/store/wire/words'

export type Call<Result> = {
  op: number
  /** Writes the arguments. */
  write?: (writer: WireWriter) => void
  /** Sends what follows them, e.g. a nar. */
  send?: (socket: Duplex) => Promise<void>
  /** What the daemon sends on the way. */
  onData?: (bytes: Buffer) => Promise<void> | void
  /** What the daemon asks for: at most so many bytes, none at the end. */
  onRead?: (max: number) => Promise<Buffer>
  read: (reader: ByteReader) => Promise<Result> | Result
}

/** What a connection may want of builds. */
export type Wants = {
  keepFailed?: boolean
  keepGoing?: boolean
  fallback?: boolean
  verbosity?: number
  /** Lines for programs among the log. */
  trace?: boolean
  substitutes?: boolean
}

const maxText = 2 ** 31

type Connection = { socket: Duplex; reader: ByteReader; writer: WireWriter }

export class StoreClient {
  /** Another connection to the same daemon. */
  readonly openTransport: () => Promise<Duplex>
  #connecting: Promise<Connection> | undefined
  #isUnreachable = false
  /** Said when it connects: the daemon gives up the space that it reserves for when the disk is full, or makes it anew. */
  keepsReserve = true
  /** Text that the daemon has for people. */
  onLog: (text: string) => void = () => undefined
  /** Takes it as a byte string instead: what a builder prints need be no text. Nothing more is read until it is done. */
  onLogBytes: ((bytes: string) => Promise<void>) | undefined

  constructor(openTransport: () => Promise<Duplex>) {
    this.openTransport = openTransport
  }

  /** There is no daemon to ask. */
  get isUnreachable(): boolean {
    return this.#isUnreachable
  }

  /**
   * Connects and greets, unless it has; the first call does so by itself, so that what is wrong with it can be said
   * before. Throws DAEMON_PROTOCOL, DAEMON_REFUSED, CONNECTION_LOST, and what `openTransport` does.
   */
  async connect(): Promise<void> {
    await this.#connect()
  }

  /** Throws DAEMON_REFUSED with the daemon's words, CONNECTION_LOST. */
  call<Result>(call: Call<Result>): Promise<Result> {
    return guard(async () => {
      const connection = await this.#connect()
      const { socket, reader, writer } = connection
      writer.int(call.op)
      call.write?.(writer)
      await writer.flush()
      await call.send?.(socket)
      await this.#frames(connection, call)
      return call.read(reader)
    })
  }

  /** Settings of this connection. */
  setOptions(settings: Readonly<Record<string, string>>, wants: Wants = {}): Promise<void> {
    return this.call({
      op: callNumber.setOptions,
      write: (writer) => {
        const pairs = Object.entries(settings)
        const { keepFailed, keepGoing, fallback, verbosity = 2, trace, substitutes = true } = wants
        const flag = (value: boolean | undefined) => (value ? 1 : 0)
        writer.int(flag(keepFailed)).int(flag(keepGoing)).int(flag(fallback)).int(verbosity)
        // Build hook, build verbosity, log type.
        writer.int(1).int(0).int(0)
        writer.int(flag(trace)).int(flag(substitutes)).int(pairs.length)
        for (const [name, value] of pairs) writer.string(name).string(value)
      },
      read: () => undefined,
    })
  }

  /** Leaves the daemon, in the middle of a call too; another call connects again. */
  async close(): Promise<void> {
    const connecting = this.#connecting
    this.#connecting = undefined
    const connection = await connecting?.catch(() => undefined)
    connection?.socket.end()
    connection?.socket.destroy()
  }

  #connect(): Promise<Connection> {
    return (this.#connecting ??= guard(async () => {
      let socket: Duplex | undefined
      try {
        socket = await this.openTransport()
        const opened = socket
        opened.on('error', () => opened.destroy())
        const connection = { socket: opened, reader: new ByteReader(opened), writer: new WireWriter(opened) }
        await this.#greet(connection)
        return connection
      } catch (error) {
        this.#isUnreachable = true
        // Whatever it is, it may wait for more, and keep this process from its end.
        socket?.destroy()
        if (!(error instanceof Disconnected)) throw error
        const reason = 'it was closed before it began, as when there are too many'
        throw new ToolError('CONNECTION_LOST', { host: 'the store daemon', reason }, { cause: error })
      }
    }))
  }

  async #greet(connection: Connection): Promise<void> {
    const { reader, writer } = connection
    await writer.int(clientMagic).flush()
    if ((await reader.int64()) !== BigInt(daemonMagic)) {
      throw new ToolError('DAEMON_PROTOCOL', { reason: 'its greeting is not that of a store daemon' })
    }
    const version = await reader.int()
    if (version >> 8 !== daemonVersion >> 8) {
      throw new ToolError('DAEMON_PROTOCOL', { reason: `it speaks version 0x${version.toString(16)}` })
    }
    const noPinning = 0
    await writer
      .int(daemonVersion)
      .int(noPinning)
      .int(this.keepsReserve ? 1 : 0)
      .flush()
    await this.#frames(connection, { op: 0, read: () => undefined })
  }

  async #frames({ reader, writer }: Connection, { onData, onRead }: Call<unknown>): Promise<void> {
    for (;;) {
      const found = await reader.int()
      switch (found) {
        case tag.last:
          return
        case tag.next:
          await this.#takeLog(await reader.string(maxText))
          break
        case tag.write:
          await onData?.(await reader.bytes(maxText))
          break
        case tag.read:
          writer.bytes((await onRead?.(await reader.int())) ?? Buffer.alloc(0))
          await writer.flush()
          break
        case tag.error: {
          const message = fromByteString(await reader.string(maxText))
          const status = await reader.int()
          throw new ToolError('DAEMON_REFUSED', { message, status })
        }
        default:
          throw new ToolError('DAEMON_PROTOCOL', { reason: `unexpected word 0x${found.toString(16)}` })
      }
    }
  }

  async #takeLog(bytes: string): Promise<void> {
    if (this.onLogBytes) await this.onLogBytes(bytes)
    else this.onLog(fromByteString(bytes))
  }
}

async function guard<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof Disconnected)) throw error
    throw new ToolError('CONNECTION_LOST', { host: 'the store daemon', reason: '' })
  }
}

/** Writes to a socket, and waits while it is full. */
export async function writeAll(socket: Duplex, bytes: Uint8Array): Promise<void> {
  if (!socket.write(bytes)) await drained(socket)
}
