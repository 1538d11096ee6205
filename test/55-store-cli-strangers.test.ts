// What store-cli says of a daemon that is none, or not of its kind, and that it ends whatever the other side waits for.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { storeCli } from './support/store.ts'
import { int } from './support/wire.ts'

const scratch = new Scratch('store-strangers')
const greeting = int(0x6478696f)
const http = Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: keep-alive\r\n\r\n')

it.each([
  ['another version', Buffer.concat([greeting, int(0x263)]), 'it speaks version 0x263'],
  ['no store daemon', int(1), 'its greeting is not that of a store daemon'],
  ['a server of text', http, 'its greeting is not that of a store daemon'],
])('%s, which keeps the connection open', async (name, bytes, reason) => {
  const server = createServer((client) => client.on('error', () => undefined).write(bytes))
  onTestFinished(() => void server.close())
  const address = scratch.file(name)
  await once(server.listen(address), 'listening')
  const child = spawn(process.execPath, [storeCli, 'ping', '--socket', address], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  scratch.onEnd(() => void child.kill())
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect([status, said]).toEqual([76, `store-cli: Cannot understand the store daemon: ${reason}\n`])
})
