// The first request makes Node compile all that requests go through, which takes milliseconds. A server that has said
// that it is ready is about to wait for whoever is told so: it uses the time to ask itself.
import { Duplex } from 'node:stream'
import type { SiteServer } from './servers.ts'

/** No host: answered by dispatch.ts, and never shown to a site. */
const request = 'GET / HTTP/1.0\r\nHost: /\r\n\r\n'

/** A connection that only the server knows of (http.Server, event 'connection'); over TLS, one that has said hello. */
export function warmUp(server: SiteServer): void {
  const connection = new Duplex({
    read: () => undefined,
    write: (_bytes, _encoding, done) => done(),
    final(done) {
      this.push(null)
      done()
    },
  })
  server.emit('setSecureContext' in server ? 'secureConnection' : 'connection', connection)
  connection.push(request)
}
