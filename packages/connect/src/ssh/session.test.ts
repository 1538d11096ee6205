// What a command over ssh2 ends with, however the server's messages come together.
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { SshSession } from './session.ts'
import type { Client } from './ssh2.ts'

/** As ssh2 does with all that one read from the network holds: one message after the other, and nothing in between. */
class AllAtOnce extends EventEmitter {
  exec(_command: string, done: (error: undefined, channel: PassThrough) => void): void {
    const channel = Object.assign(new PassThrough(), { stderr: new PassThrough() })
    setImmediate(() => {
      done(undefined, channel)
      channel.push('This account is not available.\n')
      channel.emit('exit', 1)
      for (const stream of [channel, channel.stderr]) stream.push(null)
      channel.once('end', () => channel.emit('close', 1))
    })
  }
}

it('knows how a command has ended that the server started and saw end at once', async () => {
  const client = new AllAtOnce() as unknown as Client
  const process = new SshSession('host', client, () => Promise.reject(new Error('no more'))).start('true')
  expect(await Promise.all([process.status, text(process.stdout)])).toEqual([
    1,
    'This account is not available.\n',
  ])
})
