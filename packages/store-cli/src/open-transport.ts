// Opens the stream to a store daemon.
import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { findNameFault } from '@plumbline/common/connection/socket-name'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Address } from './address.ts'

/** A full backlog refuses at once where connect(2) would wait. */
const backlogRetries = 50
const backlogMs = 20

/** Throws DAEMON_UNAVAILABLE. */
export async function openTransport(address: Address, sshConfig?: string): Promise<Duplex> {
  if (address.kind === 'ssh') {
    const { openSsh } = await import('./ssh-transport.ts')
    return openSsh(address, sshConfig)
  }
  const options = address.kind === 'unix' ? { path: address.path } : { ...address, noDelay: true }
  const where = address.kind === 'unix' ? address.path : `guix://${address.host}:${address.port}`
  const fault = address.kind === 'unix' ? findNameFault(address.path) : undefined
  if (fault) throw new ToolError('DAEMON_UNAVAILABLE', { address: where, reason: fault })
  for (let attempt = 0; ; attempt++) {
    try {
      return await open(options)
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN' && attempt < backlogRetries) {
        await new Promise((resolve) => setTimeout(resolve, backlogMs))
        continue
      }
      throw new ToolError('DAEMON_UNAVAILABLE', { address: where, reason: reasonOf(error) }, { cause: error })
    }
  }
}

async function open(options: NetConnectOpts): Promise<Duplex> {
  const socket = connect(options)
  await once(socket, 'connect')
  return socket
}
