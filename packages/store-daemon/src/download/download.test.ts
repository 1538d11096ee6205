import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { download } from './download.ts'
import { HttpClient } from './http-client.ts'

const body = Buffer.from('0123456789'.repeat(10))
const asked: (string | undefined)[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void
let server: Server
let client: HttpClient
let url: URL

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.range)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  client = await HttpClient.open({ idleMs: 200, verify: true, connections: 2 })
})
afterAll(async () => {
  await client.close()
  server.closeAllConnections()
  server.close()
})

async function read(size: number | null = null): Promise<string> {
  asked.length = 0
  const chunks: Buffer[] = []
  const options = { signal: new AbortController().signal, size, maxBytes: 1000 }
  for await (const chunk of download(client, url, options)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function sendFrom(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/[0-9]+/.exec(request.headers.range ?? '')?.[0] ?? 0)
  const range = { 'content-range': `bytes ${from}-99/100` }
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': 100 - from, ...(from > 0 && range) })
  response.end(body.subarray(from))
}

describe('download()', () => {
  it('goes on with another connection when a server falls silent', async () => {
    let isFirst = true
    answer = (request, response) => {
      if (!isFirst) return sendFrom(request, response)
      isFirst = false
      response.writeHead(200, { 'content-length': 100 }).write(body.subarray(0, 40))
      return undefined
    }
    expect(await read()).toBe(body.toString())
    expect(asked).toEqual([undefined, 'bytes=40-'])
  })

  it('needs no length, and none of the server', async () => {
    answer = (_, response) => {
      response.write(body.subarray(0, 50))
      response.end(body.subarray(50))
    }
    expect(await read()).toBe(body.toString())
    expect(await read(100)).toBe(body.toString())
  })

  it('refuses another length at once', async () => {
    answer = sendFrom
    await expect(read(99)).rejects.toThrow('it has 100 bytes, not 99')
    expect(asked).toHaveLength(1)
  })

  it('refuses what another part of the file is', async () => {
    answer = (request, response) => {
      if (!request.headers.range) {
        response.writeHead(200, { 'content-length': 100 })
        return void response.write(body.subarray(0, 40), () => response.destroy())
      }
      return void response.writeHead(206, { 'content-range': 'bytes 30-99/100' }).end(body.subarray(30))
    }
    await expect(read()).rejects.toThrow('it sends another part of the file')
  })

  it('asks no more once it is cancelled', async () => {
    const controller = new AbortController()
    answer = (_, response) => {
      response.writeHead(503).end()
      controller.abort()
    }
    const options = { signal: controller.signal, size: null, maxBytes: 1000 }
    await expect(download(client, url, options).next()).rejects.toThrow('cancelled')
  })
})
