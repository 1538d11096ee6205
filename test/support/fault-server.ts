// A web server that misbehaves when it is told to.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Scratch } from './scratch.ts'

export type Answer = (request: IncomingMessage, response: ServerResponse, file: Buffer | undefined) => void

/** Serves a folder but where `faults` has an answer of its own for a name; knows ranges. */
export class FaultServer {
  readonly #server: Server
  readonly #folder: string
  readonly faults = new Map<string, Answer>()
  readonly requests: string[] = []
  url = ''

  constructor(scratch: Scratch, folder: string) {
    this.#folder = folder
    this.#server = createServer((request, response) => {
      const name = decodeURIComponent(request.url ?? '').replace(/^\//, '')
      this.requests.push(`${request.headers.range ? `${request.headers.range} ` : ''}${name}`)
      const file = this.read(name)
      const answer = this.faults.get(name) ?? this.faults.get('*') ?? serve
      answer(request, response, file)
    })
    scratch.onEnd(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
  }

  read(name: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#folder, name))
    } catch {
      return undefined
    }
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
}

/** As a good server would. */
export const serve: Answer = (request, response, file) => {
  if (!file) return void response.writeHead(404).end()
  const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = file.subarray(from)
  const etag = `"${createHash('sha256').update(file).digest('hex')}"`
  const range = { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length, etag, ...(from > 0 && range) })
  response.end(rest)
}

/** Announces all, sends what comes before byte `at`, and hangs up. */
export function cutAt(at: number): Answer {
  return (request, response, file) => {
    const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (!file || from >= at) return serve(request, response, file)
    const etag = `"${createHash('sha256').update(file).digest('hex')}"`
    response.writeHead(200, { 'content-length': file.length, etag })
    response.write(file.subarray(from, at), () => response.destroy())
  }
}

/** `times` answers of `fault`, then good ones. */
export function firstly(times: number, fault: Answer): Answer {
  let left = times
  return (request, response, file) => (left-- > 0 ? fault : serve)(request, response, file)
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => void response.writeHead(code, headers).end()
}
