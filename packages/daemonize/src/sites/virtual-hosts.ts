// Which site answers a request: by the host it asks for, the port, and the path. What the seed does (restas:start),
// except that host names are compared as DNS compares them: without case, and with or without the final dot.
// Pure: no I/O.

export type Authority = { name: string; port: number | null }

/** Where a site lives: a host (null for any that has none of its own) on a port, under a path. */
export type Place = { host: string | null; port: number; url: string; secure: boolean }

const authorityForm = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@[\]\\]+)(?::(\d{0,5}))?$/

/** HOST[:PORT] of a Host header or a URL (RFC 9110, 7.2); undefined when it is none. */
export function parseAuthority(text: string): Authority | undefined {
  const [, host, digits] = authorityForm.exec(text.trim()) ?? []
  if (host === undefined) return undefined
  const port = digits ? Number(digits) : null
  if (port !== null && port > 65535) return undefined
  try {
    // One spelling for each IPv6 address and each internationalised name.
    const name = new URL(`http://${host}/`).hostname
    return { name: name.endsWith('.') ? name.slice(0, -1) : name, port }
  } catch {
    return undefined
  }
}

/** The host that a configuration names, spelled as requests are. */
export function normalizeHost(host: string): string {
  const literal = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return parseAuthority(literal)?.name ?? host.toLowerCase()
}

export class SiteTable<Site extends Place> {
  readonly #sites = new Map<string, Site[]>()

  constructor(sites: readonly Site[]) {
    for (const site of sites) {
      const key = placeKey(site.host === null ? null : normalizeHost(site.host), site.port)
      // Of two at the same place the later one is asked first.
      this.#sites.set(key, [site, ...(this.#sites.get(key) ?? [])])
    }
    for (const list of this.#sites.values()) list.sort((a, b) => mount(b.url).length - mount(a.url).length)
  }

  /**
   * The sites of a virtual host, most specific path first; undefined when there is no such host. The port is that
   * of the Host header, else the socket's. A site with TLS is never shown on a connection without it.
   */
  find(authority: Authority | undefined, socketPort: number, secure: boolean): Site[] | undefined {
    const port = authority?.port ?? socketPort
    const exact = authority && this.#sites.get(placeKey(authority.name, port))
    const sites = (exact ?? this.#sites.get(placeKey(null, port)))?.filter((site) => site.secure === secure)
    return sites?.length ? sites : undefined
  }
}

function placeKey(host: string | null, port: number): string {
  return `${host ?? '*'} ${port}`
}

/** "/x/" and "/x" are the same mount; "/" is no prefix at all. */
function mount(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The rest of `path` below the mount, or undefined when it is elsewhere. */
export function belowMount(url: string, path: string): string | undefined {
  const prefix = mount(url)
  if (!path.startsWith(prefix)) return undefined
  const rest = path.slice(prefix.length)
  if (prefix !== '' && rest !== '' && !/^[/?#]/.test(rest)) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

/**
 * Where a request for an unknown host is sent: the same path at the default host. Undefined when that is where the
 * request came from: it would only come back.
 */
export function redirectLocation(
  target: string,
  request: { authority: Authority | undefined; socketPort: number; secure: boolean; path: string },
): string | undefined {
  const { authority, socketPort, secure, path } = request
  const to = parseAuthority(target)
  const usual = secure ? 443 : 80
  if (to && authority && to.name === authority.name) {
    const same = authority.port === null ? [null, usual, socketPort] : [authority.port]
    const named = authority.port === null ? to.port : (to.port ?? usual)
    if (same.includes(named) && (authority.port === null || authority.port === socketPort)) return undefined
  }
  return `${secure ? 'https' : 'http'}://${target}${path.startsWith('/') ? path : '/'}`
}
