// repl: joins this terminal, or pipe, to the REPL of the running service.
import { connect } from 'node:net'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { readStdin } from '@plumbline/common/cli/input'
import { readToken } from '../service/token.ts'
import type { Context } from './command.ts'

export async function repl({ settings, records, cancel }: Context): Promise<undefined> {
  const { repl: place, name } = settings
  const refuse = (reason: string) => new ToolError('SERVICE_FAILED', { action: 'talk to', name, reason })
  if (!place) throw refuse('it has no "repl"')
  const socket = 'socket' in place ? connect(place.socket) : connect(place.port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve).on('error', (error) => reject(refuse(reasonOf(error))))
    socket.on('close', () => resolve())
  })
  if ('tokenFile' in place) {
    // What is no token is not told to whoever has opened that port.
    const token = readToken(place.tokenFile)
    if ('value' in token) socket.write(token.value)
    else socket.destroy(refuse(`its token: ${'bad' in token ? token.bad : 'there is none'}`))
  }
  cancel.signal.addEventListener('abort', () => socket.destroy())
  void pump(socket)
  for await (const bytes of socket as AsyncIterable<Buffer>) await records.writeBytes(bytes)
}

async function pump(socket: import('node:net').Socket): Promise<void> {
  const closed = new AbortController()
  socket.on('close', () => closed.abort())
  try {
    for await (const bytes of readStdin(closed.signal))
      if (!socket.write(bytes)) await new Promise((resolve) => socket.once('drain', resolve))
    socket.end()
  } catch (error) {
    if (!closed.signal.aborted) throw error
  }
}
