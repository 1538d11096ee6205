// A TCP proxy that holds every byte back for some time, each way: a network of that delay on one machine. TCP's own
// handshake is not delayed, for anybody.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Resolves to the port of a proxy to `port` on loopback; `close()` ends it. */
export async function startDelay(port, oneWayMs) {
  const sockets = new Set()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from)
      const later = (action) => setTimeout(() => to.destroyed || action(), oneWayMs)
      from.on('data', (chunk) => later(() => to.write(chunk)))
      from.on('end', () => later(() => to.end()))
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: server.address().port, close }
}
