// One logged-in ssh destination through ssh2: commands as channels.
import type { Duplex } from 'node:stream'
import { constants } from 'node:os'
import { PassThrough } from 'node:stream'
import type { RawProcess } from '@plumbline/common/connection/raw-process'
import { signalStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf, toToolError } from '@plumbline/common/error/translate'
import type { Client, ClientChannel } from './ssh2.ts'

/** sshd's MaxSessions is 10 by default; when it is used up another login gives as many again. */
const mostLogins = 32

type Started = { channel: ClientChannel; status: Promise<number> }

export class SshSession {
  readonly #host: string
  readonly #login: () => Promise<Client>
  readonly #clients: Client[] = []
  #lost: ToolError | undefined
  #loggingIn: Promise<void> | undefined
  #closed = false

  /** `login` opens another connection to the same place. */
  constructor(host: string, first: Client, login: () => Promise<Client>) {
    this.#host = host
    this.#login = login
    this.#adopt(first)
  }

  start(command: string): RawProcess {
    const stdin = new PassThrough()
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    let cancelled = false
    let channel: ClientChannel | undefined
    const cancel = () => {
      cancelled = true
      channel?.close()
      for (const stream of [stdin, stdout, stderr]) stream.destroy()
    }
    let sent: () => void = () => undefined
    const inputSent = new Promise<void>((resolve) => (sent = resolve))
    const status = (async () => {
      const started = await this.#open(command)
      channel = started.channel
      if (cancelled) channel.close()
      channel.once('finish', sent)
      stdin.pipe(channel as unknown as Duplex)
      channel.pipe(stdout)
      channel.stderr.pipe(stderr)
      return started.status
    })()
    status.catch((error) => {
      for (const stream of [stdin, stdout, stderr]) stream.destroy(error)
    })
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined)
    return { stdin, stdout, stderr, status, leave: () => inputSent, cancel }
  }

  async forward(host: string, port: number): Promise<Duplex> {
    const [client] = this.#clients
    if (!client) throw this.#lose('it is closed')
    return new Promise((resolve, reject) => {
      client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error)
          reject(new ToolError('HOST_UNREACHABLE', { host, reason: `${this.#host}: ${error.message}` }))
        else resolve(channel as unknown as Duplex)
      })
    })
  }

  /** Resolves when its last words are on the way. */
  async close(): Promise<void> {
    this.#closed = true
    const clients = this.#clients.splice(0)
    const gone = clients.map(
      (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
    )
    for (const client of clients) client.end()
    await Promise.all(gone)
  }

  #adopt(client: Client): void {
    this.#clients.push(client)
    let reason = 'the server closed it'
    client.on('error', (error) => (reason = explainLoss(error)))
    client.on('close', () => {
      this.#clients.splice(this.#clients.indexOf(client), 1)
      if (this.#clients.length === 0) this.#lose(reason)
    })
  }

  #lose(reason: string): ToolError {
    this.#lost ??= new ToolError('CONNECTION_LOST', { host: this.#host, reason })
    return this.#lost
  }

  async #open(command: string): Promise<Started> {
    for (;;) {
      // A copy: clients go while we wait.
      for (const client of this.#clients.slice()) {
        const started = await this.#exec(client, command)
        if (started) return started
      }
      if (this.#lost || this.#clients.length === 0) throw this.#lose('it is closed')
      if (this.#clients.length >= mostLogins) {
        throw new ToolError('HOP_FAILED', {
          hop: `ssh:${this.#host}`,
          reason: 'the server opens no more sessions',
        })
      }
      this.#loggingIn ??= this.#login()
        .then((client) => (this.#closed ? void client.end() : this.#adopt(client)))
        .finally(() => (this.#loggingIn = undefined))
      await this.#loggingIn
    }
  }

  /** Undefined when the server opens no more sessions on this connection. */
  #exec(client: Client, command: string): Promise<Started | undefined> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(this.#lose('the server closed it'))
      client.once('close', gone)
      try {
        client.exec(command, (error, channel) => {
          client.off('close', gone)
          // The status may come with the same read: before anything that waits for this goes on.
          if (!error) return resolve({ channel, status: this.#statusOf(channel) })
          if (/open fail/i.test(error.message)) return resolve(undefined)
          reject(new ToolError('HOP_FAILED', { hop: `ssh:${this.#host}`, reason: error.message }))
        })
      } catch (error) {
        client.off('close', gone)
        reject(this.#lose(reasonOf(error)))
      }
    })
  }

  #statusOf(channel: ClientChannel): Promise<number> {
    return new Promise((resolve, reject) => {
      let status: number | undefined
      channel.on('exit', (code: number | null, signal?: string) => {
        const name = (signal?.startsWith('SIG') ? signal : `SIG${signal}`) as NodeJS.Signals
        status = code ?? signalStatus(constants.signals[name] ?? 0)
        resolve(status)
      })
      channel.on('close', () => {
        if (status === undefined)
          reject(toToolError(this.#lost ?? this.#lose('the session ended without a status')))
      })
    })
  }
}

function explainLoss(error: Error): string {
  return /keepalive/i.test(error.message) ? 'it no longer answers' : reasonOf(error)
}
