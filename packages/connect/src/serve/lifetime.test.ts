// How long a connect serves when whoever could come comes to nothing.
import { connect } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Connection } from '@plumbline/common/connection/connection'
import { expect, it, onTestFinished } from 'vitest'
import { ConnectionServer } from './connection-server.ts'
import type { FactCache } from './fact-cache.ts'
import { serveOut } from './lifetime.ts'

/** A connection that counts how often it was closed, and serves on a socket. */
async function serve() {
  const directory = mkdtempSync(join(tmpdir(), 'plumbline-lifetime-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const closed: string[] = []
  const lost = new Promise(() => undefined)
  const connection = {
    lost,
    close: () => Promise.resolve(void closed.push('closed')),
  } as unknown as Connection
  const server = new ConnectionServer(connection, undefined as unknown as FactCache)
  const path = join(directory, 'socket')
  await server.listen(path)
  return { server, path, closed }
}

it('ends when a client was killed before it said anything, and nobody else can come', async () => {
  const { server, path, closed } = await serve()
  const { signal } = new AbortController()
  const served = serveOut([server], { lingerMs: 2 ** 30, hasReaders: () => false, signal })
  const client = connect(path)
  while (server.clients === 0) await setImmediate()
  client.destroy()
  expect(await served).toEqual([])
  expect(closed).toEqual(['closed'])
})

it('lets its clients leave first, when a signal ends it', async () => {
  const { server, path, closed } = await serve()
  const controller = new AbortController()
  const served = serveOut([server], { lingerMs: 2 ** 30, hasReaders: undefined, signal: controller.signal })
  const client = connect(path)
  client.write('\n')
  while (server.clients === 0) await setImmediate()
  controller.abort()
  await setImmediate()
  expect(closed).toEqual([])
  closed.push('left')
  client.end()
  await served
  expect(closed).toEqual(['left', 'closed'])
})

it('waits for no client for ever', async () => {
  const { server, path, closed } = await serve()
  const controller = new AbortController()
  const served = serveOut([server], { lingerMs: 2 ** 30, hasReaders: undefined, signal: controller.signal })
  connect(path).on('error', () => undefined)
  while (server.clients === 0) await setImmediate()
  controller.abort()
  await served
  expect(closed).toEqual(['closed'])
})
