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

it('ends when a client was killed before it said anything, and nobody else can come', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plumbline-lifetime-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  let closed = 0
  const lost = new Promise(() => undefined)
  const connection = { lost, close: () => Promise.resolve(void closed++) } as unknown as Connection
  const server = new ConnectionServer(connection, undefined as unknown as FactCache)
  const path = join(directory, 'socket')
  await server.listen(path)
  const { signal } = new AbortController()
  const served = serveOut([server], { lingerMs: 2 ** 30, hasReaders: () => false, signal })
  const client = connect(path)
  while (server.clients === 0) await setImmediate()
  client.destroy()
  expect(await served).toEqual([])
  expect(closed).toBe(1)
})
