// Servers that misbehave, connections that break, clients and daemons that go away in the middle.
import { readdirSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { basename } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { setOptions } from './support/build.ts'
import { cutAt, FaultServer, firstly, serve, status } from './support/fault-server.ts'
import { Scratch } from './support/scratch.ts'
import type { TestStore } from './support/store.ts'
import { freePort, itemsOf, makeReader, publish, startOrigin } from './support/substitutes.ts'
import { DaemonError, int, str, type WireClient } from './support/wire.ts'

const scratch = new Scratch('substitute-faults')
const key = scratch.file('key')
const cache = scratch.file('cache')
const isRoot = process.getuid?.() === 0
let server: FaultServer
let reader: TestStore
let client: WireClient
/** Of 300 kB, which gzip cannot make smaller. */
let large: string
let small: string
const nar = (path: string) => `nar/gzip/${basename(path)}`
const narinfo = (path: string) => `${basename(path).slice(0, 32)}.narinfo`

beforeAll(async () => {
  if (!isRoot) return
  const origin = await startOrigin(scratch, key)
  const writer = await origin.connect()
  const noise = Buffer.from(Array.from({ length: 300_000 }, () => Math.floor(Math.random() * 256)))
  large = await writer.addText('large', noise)
  small = await writer.addText('small', 'small')
  writer.close()
  publish(origin, cache, [large, small], key)
  server = new FaultServer(scratch, cache)
  await server.start()
  reader = makeReader(scratch, 'reader', key, { args: ['--substitute-urls', server.url] })
})

beforeEach(async () => {
  if (!isRoot) return
  server.faults.clear()
  // A daemon that remembers nothing of servers, in a store that has nothing.
  await reader.stop()
  await reader.start()
  client = await reader.connect()
  await client.collect(2)
  await setOptions(client, { substitutes: true })
  client.log = ''
  server.requests.length = 0
})
afterAll(() => client?.close())

/** But for the daemon's own: links, and the file behind its locks. */
const names = () =>
  readdirSync(itemsOf(scratch, 'reader')).filter((name) => name !== '.links' && !name.startsWith('.tmp-link'))
const ensure = async (path: string) => {
  await client.call(10, str(path))
  await client.int()
}
/** Why it failed, and that nothing is left of it. */
async function refusal(path: string): Promise<string> {
  await expect(ensure(path)).rejects.toThrow(DaemonError)
  expect(names()).toEqual([])
  expect(client.log).toContain(path)
  return client.log
}

describe.skipIf(!isRoot)('a download', () => {
  it('goes on where it was cut off', async () => {
    server.faults.set(nar(large), cutAt(100_000))
    await ensure(large)
    expect(server.requests.slice(2)).toEqual([nar(large), `bytes=100000- ${nar(large)}`])
  })

  it('goes on also where the server knows no ranges', async () => {
    let first = true
    server.faults.set(nar(large), (request, response, file) => {
      delete request.headers.range
      const answer = first ? cutAt(100_000) : serve
      first = false
      answer(request, response, file)
    })
    await ensure(large)
    expect(await client.isValid(large)).toBe(true)
  })

  it('does not go on with another file', async () => {
    server.faults.set(nar(large), (request, response, file = Buffer.alloc(0)) => {
      if (!request.headers.range) return cutAt(100_000)(request, response, file)
      const head = { 'content-length': 10, 'content-range': `bytes 100000-100009/100010` }
      response.writeHead(206, head).end(Buffer.alloc(10))
    })
    expect(await refusal(large)).toMatch(/it has 100010 bytes, not [0-9]+/)
  })

  it('is tried again when the server is overloaded, and as late as it says', async () => {
    server.faults.set(nar(small), firstly(2, status(503, { 'retry-after': '0' })))
    server.faults.set(narinfo(small), firstly(1, status(500)))
    await ensure(small)
    expect(server.requests.filter((name) => name === nar(small))).toHaveLength(3)
  })

  it('follows redirects, and not for ever', async () => {
    server.faults.set(nar(small), status(302, { location: '/elsewhere' }))
    server.faults.set('elsewhere', (_, response) => {
      response.writeHead(307, { location: `${server.url}/nar/gzip/./x/../${basename(small)}?again` }).end()
    })
    server.faults.set(`${nar(small)}?again`, (_, response) => void response.end(readCache(nar(small))))
    await ensure(small)
    server.faults.set(nar(large), status(301, { location: `/${nar(large)}` }))
    await expect(ensure(large)).rejects.toThrow(DaemonError)
    expect(client.log).toContain('more than 10 redirects')
  })

  it.each([
    ['is nowhere', status(404), 'the server answers 404'],
    ['is never given', status(500), 'the server answers 500'],
    [
      'has another length',
      (_: unknown, response: ServerResponse) => void response.end('short'),
      'bytes, not',
    ],
    ['does not end', (_: unknown, response: ServerResponse) => endless(response), 'is longer than'],
    ['leads to a file', status(302, { location: 'file:///etc/passwd' }), 'it is redirected to file:'],
    [
      'is cut off for ever',
      (_: unknown, response: ServerResponse) => cutForEver(response),
      'Cannot download',
    ],
  ])('that %s is given up, with the item named', async (_, fault, message) => {
    server.faults.set(nar(small), fault)
    expect(await refusal(small)).toContain(message)
  })

  it('ends when nothing comes for too long', async () => {
    await setOptions(client, { substitutes: true, settings: { 'build-max-silent-time': '1' } })
    server.faults.set(nar(large), (_, response, file = Buffer.alloc(0)) => {
      response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1000))
    })
    expect(await refusal(large)).toContain(`@ substituter-failed ${large} timeout\n`)
  })

  it('ends when it takes too long, also when bytes still come', async () => {
    await setOptions(client, { substitutes: true, settings: { 'build-timeout': '1' } })
    server.faults.set(nar(large), (_, response, file = Buffer.alloc(0)) => {
      response.writeHead(200, { 'content-length': file.length })
      let at = 0
      const timer = setInterval(() => response.write(file.subarray(at, ++at)), 20)
      response.on('close', () => clearInterval(timer))
    })
    expect(await refusal(large)).toContain(`@ substituter-failed ${large} timeout\n`)
  })

  it('leaves nothing when its client goes', async () => {
    const gone = new Promise<void>((resolve) => {
      server.faults.set(nar(large), (_, response, file = Buffer.alloc(0)) => {
        response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1000))
        response.on('close', resolve)
        client.close()
      })
    })
    client.socket.write(Buffer.concat([int(10), str(large)]))
    await gone
    const other = await reader.connect()
    while (names().length > 0) await other.isValid(large)
    other.close()
  })

  it('is done once for two who want the same', async () => {
    const other = await reader.connect()
    await setOptions(other, { substitutes: true })
    await Promise.all([ensure(large), other.call(10, str(large)).then(() => other.int())])
    other.close()
    expect(server.requests.filter((name) => name === nar(large))).toHaveLength(1)
  })
})

describe.skipIf(!isRoot)('a server', () => {
  const ask = async (path: string) => {
    await client.call(3, str(path))
    return (await client.int()) === 1
  }

  it('is not asked twice for what it does not have', async () => {
    const none = `${reader.store}/${'0'.repeat(32)}-none`
    expect([await ask(none), await ask(none)]).toEqual([false, false])
    expect(server.requests).toEqual(['nix-cache-info', narinfo(none)])
  })

  it('is not asked again for what it has', async () => {
    expect([await ask(small), await ask(small)]).toEqual([true, true])
    expect(server.requests).toEqual(['nix-cache-info', narinfo(small)])
  })

  it('that has lost a nar is asked again', async () => {
    server.faults.set(nar(small), status(404))
    await refusal(small)
    server.faults.clear()
    await ensure(small)
  })

  it('that cannot be reached is named, and then left alone', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    await setOptions(client, { substitutes: true, settings: { 'substitute-urls': `${url} ${server.url}` } })
    expect(await ask(small)).toBe(true)
    expect(client.log).toContain(`substitute server \`${url}/' is not used: `)
    client.log = ''
    expect(await ask(large)).toBe(true)
    expect(client.log).toBe('')
  })

  it.each([
    ['endless', (_: unknown, response: ServerResponse) => endless(response)],
    ['no narinfo', (_: unknown, response: ServerResponse) => void response.end(Buffer.alloc(2000, 0xff))],
    ['empty', (_: unknown, response: ServerResponse) => void response.end()],
  ])('whose narinfo is %s has nothing', async (_, fault) => {
    server.faults.set(narinfo(small), fault)
    expect(await ask(small)).toBe(false)
    expect(client.log).toContain(small)
  })
})

describe.skipIf(!isRoot)('a daemon that is killed', () => {
  it.each(['substitute-unpacked', 'substitute-renamed', 'register-before-commit', 'register-after-commit'])(
    'at %s leaves nothing that is not whole',
    async (point) => {
      await reader.stop()
      await reader.start({ PLUMBLINE_FAULT: point })
      const killed = await reader.connect()
      await setOptions(killed, { substitutes: true })
      await expect(killed.call(10, str(large))).rejects.toThrow('closed')
      await reader.untilDead()
      await reader.start()
      const next = await reader.connect()
      // The leftovers go while the store opens; a collection waits for that.
      await next.call(13)
      await next.int()
      const valid = await next.isValid(large)
      expect(valid).toBe(point === 'register-after-commit')
      expect(names()).toEqual(valid ? [basename(large)] : [])
      expect(await next.verify(true)).toBe(false)
      await setOptions(next, { substitutes: true })
      await next.call(10, str(large))
      next.close()
    },
  )
})

function readCache(name: string): Buffer {
  return server.read(name) ?? Buffer.alloc(0)
}

function endless(response: ServerResponse): void {
  response.writeHead(200)
  const block = Buffer.alloc(64 * 1024, 'x: y\n')
  const write = (): void => {
    while (!response.destroyed && response.write(block)) continue
  }
  response.on('drain', write)
  write()
}

function cutForEver(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 10 })
  response.write('', () => response.destroy())
}
