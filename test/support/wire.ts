// A client of the worker protocol for tests, written from the protocol's description and not from the program's code.
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { Inbox } from './inbox.ts'

export const tags = {
  next: 0x6f6c6d67,
  read: 0x64617461,
  write: 0x64617416,
  error: 0x63787470,
  last: 0x616c7473,
}

export function int(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

export function str(text: string | Buffer): Buffer {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text, 'utf8')
  return Buffer.concat([int(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)])
}

export function list(items: readonly string[]): Buffer {
  return Buffer.concat([int(items.length), ...items.map(str)])
}

/** The nar of a single file. */
export function fileNar(contents: Buffer | string): Buffer {
  return Buffer.concat(['nix-archive-1', '(', 'type', 'regular', 'contents', contents, ')'].map(str))
}

export class DaemonError extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

export class WireClient {
  readonly socket: Socket
  readonly #inbox: Inbox
  /** Text of NEXT frames. */
  log = ''
  /** Takes their bytes instead, when it is set. */
  onNext: ((bytes: Buffer) => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    this.#inbox = new Inbox(socket)
  }

  static async open(path: string): Promise<WireClient> {
    return WireClient.#greet(connect(path))
  }

  static openTcp(port: number): Promise<WireClient> {
    return WireClient.#greet(connect(port, '127.0.0.1'))
  }

  static async #greet(socket: Socket): Promise<WireClient> {
    await once(socket, 'connect')
    const client = new WireClient(socket)
    socket.write(int(0x6e697863))
    await client.take(16)
    socket.write(Buffer.concat([int(0x163), int(0), int(1)]))
    await client.reply()
    return client
  }

  get closed(): boolean {
    return this.#inbox.closed
  }

  /** The next `count` bytes; throws when the connection ends before. */
  async take(count: number): Promise<Buffer> {
    const inbox = this.#inbox
    while (inbox.pending.length < count) {
      if (inbox.closed) throw new Error(`closed with ${inbox.pending.length} of ${count} bytes`)
      await inbox.more()
    }
    const taken = inbox.pending.subarray(0, count)
    inbox.pending = inbox.pending.subarray(count)
    return taken
  }

  /** Until the daemon closes the connection. */
  untilClosed(): Promise<void> {
    return this.#inbox.untilClosed()
  }

  async int(): Promise<number> {
    return Number((await this.take(8)).readBigUInt64LE())
  }

  async bytes(): Promise<Buffer> {
    const length = await this.int()
    return (await this.take(length + ((8 - (length % 8)) % 8))).subarray(0, length)
  }

  async str(): Promise<string> {
    return (await this.bytes()).toString('utf8')
  }

  async list(): Promise<string[]> {
    const items: string[] = []
    for (let left = await this.int(); left > 0; left--) items.push(await this.str())
    return items
  }

  /** Frames up to LAST; throws what an ERROR frame says. */
  async reply(
    onWrite: (bytes: Buffer) => void = () => undefined,
    onRead?: (max: number) => Buffer,
  ): Promise<void> {
    for (;;) {
      const tag = await this.int()
      if (tag === tags.last) return
      if (tag === tags.next && this.onNext) this.onNext(await this.bytes())
      else if (tag === tags.next) this.log += await this.str()
      else if (tag === tags.write) onWrite(Buffer.from(await this.bytes()))
      else if (tag === tags.read) {
        this.socket.write(str(onRead?.(await this.int()) ?? Buffer.alloc(0)))
      } else if (tag === tags.error) {
        const message = await this.str()
        throw new DaemonError(message, await this.int())
      } else throw new Error(`unexpected tag 0x${tag.toString(16)}`)
    }
  }

  async call(op: number, ...args: Buffer[]): Promise<void> {
    this.socket.write(Buffer.concat([int(op), ...args]))
    await this.reply()
  }

  async isValid(path: string): Promise<boolean> {
    await this.call(1, str(path))
    return (await this.int()) === 1
  }

  async addText(
    name: string,
    contents: string | Buffer,
    references: readonly string[] = [],
  ): Promise<string> {
    await this.call(8, str(name), str(contents), list(references))
    return this.str()
  }

  async addNar(name: string, nar: Buffer): Promise<string> {
    await this.call(7, str(name), int(1), int(1), str('sha256'), nar)
    return this.str()
  }

  /** 0 live, 1 dead, 2 delete, 3 delete these. */
  async collect(action: number, paths: readonly string[] = [], limit = 0xffffffffffffffffn) {
    await this.call(20, int(action), list(paths), int(0), int(limit), int(0), int(0), int(0))
    const result = { paths: await this.list(), freed: await this.int() }
    await this.int()
    return result
  }

  /** One item of an export stream, signed. */
  async exportItem(path: string): Promise<Buffer> {
    const parts: Buffer[] = []
    this.socket.write(Buffer.concat([int(16), str(path), int(1)]))
    await this.reply((bytes) => parts.push(bytes))
    await this.int()
    return Buffer.concat(parts)
  }

  /** What a whole export stream holds. */
  async importItems(stream: Buffer): Promise<string[]> {
    let at = 0
    this.socket.write(int(27))
    await this.reply(undefined, (max) => stream.subarray(at, (at += max)))
    return this.list()
  }

  /** Whether errors remain. */
  async verify(contents: boolean, repair = false): Promise<boolean> {
    await this.call(35, int(contents ? 1 : 0), int(repair ? 1 : 0))
    return (await this.int()) === 1
  }

  close(): void {
    this.socket.destroy()
  }
}
