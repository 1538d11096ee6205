// The servers: one for each listening socket, with TLS where its sites have certificates, chosen by name (SNI).
import { createServer, type RequestListener, type Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import type { Server as SecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { HostConfiguration, HostSite, HostTls } from './host-configuration.ts'
import { normalizeHost } from './virtual-hosts.ts'

const notImplemented = 'HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

export type SiteServer = Server | SecureServer

/** Those too that node:http knows nothing of: they have not said hello yet (TLS), or speak something else by now. */
const connections = new WeakMap<SiteServer, Set<Socket>>()

function followConnections(server: SiteServer): void {
  const open = new Set<Socket>()
  connections.set(server, open)
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
}

/** Throws SERVICE_FAILED. */
export async function openServer(
  { sites, name }: HostConfiguration,
  socket: HostConfiguration['sockets'][number],
  listener: RequestListener,
): Promise<SiteServer> {
  const own = sites.filter((site) => site.socket === socket.address)
  const secure = own.filter((site): site is HostSite & { tls: HostTls } => site.tls !== undefined)
  if (secure.length > 0) await requireTls(secure, socket.address, name)
  const server = secure.length > 0 ? await makeSecureServer(secure, listener) : createServer(listener)
  followConnections(server)
  // We are no proxy; without an answer node:http would only hang up, and has no time limit for what comes after it.
  server.on('connect', (_, client: Duplex) => {
    client.on('error', () => client.destroy()).end(notImplemented, () => client.destroy())
  })
  listenOn(server, socket.fd)
  // It listens by now, or says on the next tick why not.
  if (!server.listening) await new Promise((_, reject) => server.once('error', reject))
  return server
}

/**
 * What listen() ends in (lib/net.js), where it goes on being called so for those who wrap it. On the way there it loads
 * what a cluster needs, in a millisecond.
 */
function listenOn(server: SiteServer, fd: number): void {
  const { _listen2: listen } = server as unknown as { _listen2?: (...given: unknown[]) => void }
  if (listen) listen.call(server, null, null, null, undefined, fd)
  else server.listen({ fd })
}

async function requireTls(
  sites: readonly (HostSite & { tls: HostTls })[],
  address: string,
  name: string,
): Promise<void> {
  const { describeTlsMistake } = await import('./secure-context.ts')
  for (const { host, tls } of sites) {
    const mistake = describeTlsMistake(tls)
    if (mistake === undefined) continue
    const reason = `the certificate and key of ${host ?? 'any host'} at ${address}: ${mistake}`
    throw new ToolError('SERVICE_FAILED', { action: 'start', name, reason })
  }
}

async function makeSecureServer(
  sites: readonly (HostSite & { tls: HostTls })[],
  listener: RequestListener,
): Promise<SecureServer> {
  const { createServer: createSecureServer } = await import('node:https')
  const { createSecureContext } = await import('node:tls')
  const contexts = new Map(
    sites.map(({ host, tls }) => [host === null ? null : normalizeHost(host), createSecureContext(tls)]),
  )
  // Who asks for no name, or for one that is not served, gets the certificate of the catch-all, else the first.
  const usual = (sites.find(({ host }) => host === null) ?? sites[0])?.tls
  return createSecureServer(
    {
      ...usual,
      SNICallback: (name, done) => done(null, contexts.get(normalizeHost(name)) ?? contexts.get(null)),
    },
    listener,
  )
}

export type Draining = {
  /** Idle connections may ask once more before they are closed. */ patienceMs: number
  timeoutMs: number
}

/**
 * Stops accepting, lets requests in flight be answered, and resolves when every connection is closed. A response
 * that begins from now on says "Connection: close" (see host.ts).
 */
export async function drainServer(server: SiteServer, { patienceMs, timeoutMs }: Draining): Promise<void> {
  const closed = new Promise<void>((resolve) => server.on('close', resolve))
  // http.Server.close() would close idle connections at once, and a request already on its way to one with them.
  NetServer.prototype.close.call(server)
  const closeIdle = () => server.closeIdleConnections()
  let patient: NodeJS.Timeout | undefined
  const sweep = () => {
    closeIdle()
    patient = setInterval(closeIdle, 50)
  }
  const first = setTimeout(sweep, patienceMs)
  const last = setTimeout(() => {
    server.closeAllConnections()
    for (const socket of connections.get(server) ?? []) socket.destroy()
  }, timeoutMs)
  await closed
  clearTimeout(first)
  clearTimeout(last)
  clearInterval(patient)
}
