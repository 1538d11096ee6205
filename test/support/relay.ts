// Stands between a client and a server, on sockets or ports: passes everything on, until told to delay, hold back,
// go silent or cut.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Scratch } from './scratch.ts'

/** A path, or a port of the loopback interface. */
export type Address = string | number

type Pair = { client: Socket; server: Socket }

export class Relay {
  /** Told of every chunk from a client, passed on or not. */
  onRequest: (bytes: Buffer) => void = () => undefined
  /** The same of every chunk from the server. */
  onAnswer: (bytes: Buffer) => void = () => undefined
  /** How long every chunk stays on its way. */
  delayMs = 0
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #kept: (() => void)[] = []
  #answers: (() => void)[] | undefined
  #left = Number.POSITIVE_INFINITY
  #isSilent = false
  #reached: () => void = () => undefined

  private constructor(to: Address) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#join(client, to))
  }

  /** Listens at the path, or at a free port when there is none. */
  static async start(scratch: Scratch, to: Address, path?: string): Promise<Relay> {
    const relay = new Relay(to)
    relay.#server.listen(path ?? { port: 0, host: '127.0.0.1' })
    await once(relay.#server, 'listening')
    scratch.onEnd(() => relay.close())
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open now. */
  get count(): number {
    return this.#pairs.size
  }

  /** Lets so many more bytes of the clients through and keeps the rest. Resolves when that is so. */
  hold(after = 0): Promise<void> {
    this.#left = after
    if (after === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#reached = resolve))
  }

  /** Passes on what was held back, and everything after it. */
  release(): void {
    this.#left = Number.POSITIVE_INFINITY
    for (const pass of this.#kept.splice(0)) pass()
  }

  /** Keeps what the server says. */
  holdAnswers(): void {
    this.#answers ??= []
  }

  /** Passes on what the server has said, and whatever it says from now on. */
  releaseAnswers(): void {
    const kept = this.#answers ?? []
    this.#answers = undefined
    for (const deliver of kept) deliver()
  }

  /** A network that is gone: neither bytes nor the end of a connection arrive at the other side any more. */
  silence(): void {
    this.#isSilent = true
  }

  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #join(client: Socket, to: Address): void {
    const options = { allowHalfOpen: true, noDelay: true }
    const server = connect(typeof to === 'string' ? { path: to, ...options } : { port: to, ...options })
    const pair = { client, server }
    this.#pairs.add(pair)
    client.on('data', (bytes: Buffer) => this.#take(bytes, server))
    server.on('data', (bytes: Buffer) => {
      this.onAnswer(bytes)
      const deliver = () => this.#pass(() => client.write(bytes))
      if (this.#answers) this.#answers.push(deliver)
      else deliver()
    })
    for (const [from, into] of [[client, server] as const, [server, client] as const]) {
      from.on('error', () => undefined)
      // An end overtakes what is held back, and what is held back is lost then.
      from.on('end', () => this.#pass(() => into.end()))
      from.on('close', () => {
        this.#pairs.delete(pair)
        this.#pass(() => into.destroySoon())
      })
    }
  }

  #take(bytes: Buffer, server: Socket): void {
    this.onRequest(bytes)
    const passed = bytes.subarray(0, Math.max(0, this.#left))
    const kept = bytes.subarray(passed.length)
    this.#left -= passed.length
    if (passed.length > 0) this.#pass(() => server.write(passed))
    if (kept.length > 0) this.#kept.push(() => this.#pass(() => server.write(kept)))
    if (this.#left === 0) this.#reached()
  }

  #pass(deliver: () => void): void {
    if (this.#isSilent) return
    if (this.delayMs > 0) setTimeout(deliver, this.delayMs)
    else deliver()
  }
}
