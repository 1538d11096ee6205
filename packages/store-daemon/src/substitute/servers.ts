// Which servers a client's substitutes come from, and what it may make the daemon read for it.
//
// As in Guix, whoever connects may name the servers: what they offer is accepted only when a key of the access list
// has signed it, so a server can refuse and delay, and not deceive. It is another matter with directories of this
// machine, which the daemon may read and the client perhaps not: for a client that is neither root nor the daemon's
// own user, only files that everybody may read are read, unless the administrator named the directory.
import { getuid } from 'node:process'
import type { Session } from '../session.ts'

export type Server = {
  /** With a slash at its end. */
  url: string
  onlyPublic: boolean
  /** Named by a client that is neither, too: it may be as slow as it likes, which is to be nobody else's trouble. */
  isStranger: boolean
}

const maxServers = 32

/** In the order to ask in; none when substitutes are off. */
export function serversOf(session: Session): Server[] {
  const { options, store, trusted, peer } = session
  if (!options.useSubstitutes) return []
  const own = new Set(store.config.substituteUrls.flatMap(parseServer))
  const given =
    options.settings.get('untrusted-substitute-urls') ?? options.settings.get('substitute-urls') ?? undefined
  const words = given?.split(/\s+/).filter((word) => word !== '') ?? store.config.substituteUrls
  const isOwner = trusted || (peer.uid !== undefined && peer.uid === getuid?.())
  const servers = new Map<string, Server>()
  for (const word of words.slice(0, maxServers)) {
    const [url] = parseServer(word)
    if (url === undefined)
      session.log(0, `\`${word}' is no substitute server: expected http, https or file URL`)
    else {
      const isStranger = !isOwner && !own.has(url)
      servers.set(url, { url, onlyPublic: url.startsWith('file:') && isStranger, isStranger })
    }
  }
  return [...servers.values()]
}

function parseServer(text: string): string[] {
  if (!URL.canParse(text)) return []
  const url = new URL(text)
  if (!/^(https?|file):$/.test(url.protocol)) return []
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return [url.href]
}
