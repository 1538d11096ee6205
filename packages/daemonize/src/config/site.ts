// One entry of `sites`, in any of its three forms, and the addresses that they and `listen` name.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Config } from './config.ts'

export type Tls = {
  cert: string
  key: string
  passphrase?: string | undefined
  passphraseFile?: string | undefined
}

export type Site = {
  module: string
  /** null: any host that has no site of its own on the port. */
  host: string | null
  port: number
  address: string
  /** The path under which the module is mounted, "/" for the whole host. */
  url: string
  tls: Tls | undefined
}

/** A TCP address, or the path of a unix socket in `host` with port -1. */
export type ListenAddress = { host: string; port: number }

type SiteConfig = NonNullable<Config['sites']>[number]

export function parseSite(site: SiteConfig, where: string, at: (path: string) => string): Site {
  if (typeof site === 'string') return makeSite({ module: site })
  if (!Array.isArray(site)) {
    const { tls } = site
    const files = tls && { cert: at(tls.cert), key: at(tls.key), passphrase: tls.passphrase }
    const passphraseFile = tls?.passphrase_file === undefined ? undefined : at(tls.passphrase_file)
    return makeSite({ ...site, tls: files && { ...files, passphraseFile } })
  }
  const [module, host = null, port = 80, tls] = site
  const refuse = (reason: string) => {
    const text = JSON.stringify(site)
    return new ToolError('CONFIG_INVALID', { where, reason: `site ${text}: ${reason}` })
  }
  if (typeof module !== 'string' || module === '') throw refuse('the first entry is the module, as text')
  if (host !== null && typeof host !== 'string') throw refuse('the second entry is the host, or null for any')
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw refuse('the third entry is the port')
  }
  return makeSite({ module, host, port, tls: parsePositionalTls(tls, at, refuse) })
}

function parsePositionalTls(
  tls: unknown,
  at: (path: string) => string,
  refuse: (reason: string) => ToolError,
): Tls | undefined {
  if (tls === undefined || tls === null) return undefined
  const expected = 'the fourth entry is [certificate, key, passphrase]'
  if (!Array.isArray(tls)) throw refuse(expected)
  const [cert, key, passphrase] = tls as unknown[]
  if (typeof cert !== 'string' || typeof key !== 'string') throw refuse(expected)
  if (passphrase !== undefined && passphrase !== null && typeof passphrase !== 'string')
    throw refuse(expected)
  return { cert: at(cert), key: at(key), passphrase: passphrase ?? undefined }
}

type Given = { module: string } & { [Key in keyof Site]?: Site[Key] | undefined }

function makeSite(given: Given): Site {
  const { module, host = null, port = 80, address = '0.0.0.0', url = '/', tls } = given
  return { module, host: host === '' ? null : host, port, address, url, tls }
}

export function formatAddress({ host, port }: ListenAddress): string {
  if (port < 0) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Where the sites are served: each address once. Throws CONFIG_INVALID. */
export function siteAddresses(sites: readonly Site[], where: string): ListenAddress[] {
  const unique = new Map<string, Site>()
  for (const site of sites) {
    const { address, port, tls } = site
    const text = formatAddress({ host: address, port })
    const first = unique.get(text) ?? site
    if ((first.tls === undefined) !== (tls === undefined)) {
      const reason = `${text} has sites with TLS and sites without`
      throw new ToolError('CONFIG_INVALID', { where, reason })
    }
    unique.set(text, first)
  }
  return [...unique.values()].map(({ address, port }) => ({ host: address, port }))
}

/** A port, "HOST:PORT", "[IPV6]:PORT", or the path of a socket. */
export function parseListen(given: string | number, where: string): ListenAddress {
  if (typeof given === 'number') return { host: '0.0.0.0', port: given }
  if (given.startsWith('/')) return { host: given, port: -1 }
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(given) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65535) {
    throw new ToolError('CONFIG_INVALID', {
      where,
      reason: `"${given}" is no address: expected HOST:PORT or a path`,
    })
  }
  return { host, port: Number(port) }
}
