// The REPL into the running server: on a socket that only its user and root can open, or on TCP behind a token.
import { timingSafeEqual } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { start } from 'node:repl'

const maxTokenBytes = 256
/** Whoever has the token has it at once; of others none may stay, and hold a descriptor that a request needs. */
const tokenMs = 3000

export function openRepl(
  { fd, token }: { fd: number; token: string | undefined },
  values: Record<string, unknown>,
): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (token === undefined) converse(socket, values)
    else authenticate(socket, token, () => converse(socket, values))
  })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen({ fd }, () => resolve(server))
  })
}

function converse(socket: Socket, values: Record<string, unknown>): void {
  const repl = start({ input: socket, output: socket, prompt: '> ', terminal: false, useGlobal: false })
  Object.assign(repl.context, values)
  // It says again what its input says: nobody who goes away ends the server by that.
  repl.on('error', () => socket.destroy())
  repl.on('exit', () => socket.end())
}

/** The first line is the token. */
function authenticate(socket: Socket, token: string, accepted: () => void): void {
  let given = Buffer.alloc(0)
  const late = setTimeout(() => socket.destroy(), tokenMs)
  socket.on('close', () => clearTimeout(late))
  const read = (bytes: Buffer) => {
    given = Buffer.concat([given, bytes])
    const end = given.indexOf(0x0a)
    if (end < 0 && given.length < maxTokenBytes) return
    clearTimeout(late)
    socket.off('data', read)
    socket.pause()
    const line = given.subarray(0, Math.max(end, 0)).toString('latin1').replace(/\r$/, '')
    const [one, other] = [Buffer.from(line), Buffer.from(token)]
    if (one.length !== other.length || !timingSafeEqual(one, other)) return void socket.destroy()
    socket.unshift(given.subarray(end + 1))
    accepted()
    return undefined
  }
  socket.on('data', read)
}
