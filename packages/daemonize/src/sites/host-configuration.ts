// What the server of sites is told by whoever starts it.
import type { Site } from '../config/site.ts'

export type HostTls = { cert: string; key: string; passphrase?: string | undefined }

export type HostSite = Omit<Site, 'tls'> & {
  /** The socket that it is served on. */
  socket: string
  tls: HostTls | undefined
}

export type HostConfiguration = {
  name: string
  conf: string
  load: string[]
  modulePaths: string[]
  cachedir: string
  drainTimeout: number
  sites: HostSite[]
  sockets: { address: string; fd: number }[]
  redirect: string | undefined
  redirectStatus: number
  repl: { fd: number; token: string | undefined } | undefined
  readyFd: number
}
