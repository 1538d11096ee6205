// The effective settings of one ssh destination, as OpenSSH's own resolver prints them (ssh(1) -G): one `keyword
// value` a line, keywords in lower case, some of them more than once. OpenSSH reads its configuration; we do not.
// Pure: no I/O.
import { formatHostName } from './known-hosts.ts'

export type Settings = {
  hostname: string
  port: number
  user: string
  /** What known_hosts calls it: the alias as it is, else the host, with a port other than 22. */
  hostKeyName: string
  /** Methods of authentication that may be tried, in their order. */
  authentications: string[]
  identityFiles: string[]
  identitiesOnly: boolean
  identityAgent: string | undefined
  knownHostsFiles: string[]
  proxyJump: string | undefined
  proxyCommand: string | undefined
  connectTimeoutMs: number | undefined
  aliveIntervalMs: number
  aliveCount: number
  hashKnownHosts: boolean
  ciphers: string[]
  kexAlgorithms: string[]
  /** What only OpenSSH itself can do of all this, in words; undefined when ssh2 can do it all. */
  needsOpenssh: string | undefined
}

/** OpenSSH has no keepalive unless told; here a dead network must be noticed. */
const defaultAlive = { intervalMs: 15_000, count: 3 }

type Names = { home: string; localUser: string; target: string }

export function parseSettings(text: string, { home, localUser, target }: Names): Settings {
  const all = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, keyword, value = ''] = /^(\S+)(?:\s+(.*))?$/.exec(line) ?? []
    if (keyword !== undefined) all.set(keyword, [...(all.get(keyword) ?? []), value])
  }
  const one = (keyword: string) => all.get(keyword)?.[0]
  const given = (keyword: string) => {
    const value = one(keyword)
    return value === undefined || value === 'none' || value === '' ? undefined : value
  }
  const hostname = one('hostname') ?? target
  const port = Number(one('port') ?? 22)
  const user = one('user') ?? localUser
  const tokens: Record<string, string> = {
    '%': '%',
    d: home,
    h: hostname,
    n: target,
    p: String(port),
    r: user,
    u: localUser,
  }
  const expand = (value: string) =>
    value.replaceAll(/%([%dhnpru])/g, (_, token: string) => tokens[token] ?? '')
  const path = (value: string) => expand(value.replace(/^~(?=\/|$)/, home))
  const proxyCommand = given('proxycommand')
  const interval = Number(one('serveraliveinterval') ?? 0) * 1000
  return {
    hostname,
    port,
    user,
    hostKeyName: given('hostkeyalias') ?? formatHostName(hostname, port),
    authentications: listAuthentications(given('preferredauthentications'), one),
    identityFiles: (all.get('identityfile') ?? []).filter((file) => file !== 'none').map(path),
    identitiesOnly: one('identitiesonly') === 'yes',
    identityAgent: given('identityagent'),
    knownHostsFiles: [one('userknownhostsfile'), one('globalknownhostsfile')]
      .flatMap((files) => files?.split(' ') ?? [])
      .filter((file) => file !== '' && file !== 'none')
      .map(path),
    proxyJump: given('proxyjump'),
    proxyCommand: proxyCommand && expand(proxyCommand),
    connectTimeoutMs: Number(given('connecttimeout') ?? 0) * 1000 || undefined,
    aliveIntervalMs: interval || defaultAlive.intervalMs,
    aliveCount: interval ? Number(one('serveralivecountmax') ?? defaultAlive.count) : defaultAlive.count,
    hashKnownHosts: one('hashknownhosts') === 'yes',
    ciphers: one('ciphers')?.split(',') ?? [],
    kexAlgorithms: one('kexalgorithms')?.split(',') ?? [],
    needsOpenssh: needOpenssh(all, given),
  }
}

const authentications = {
  publickey: 'pubkeyauthentication',
  password: 'passwordauthentication',
  'keyboard-interactive': 'kbdinteractiveauthentication',
}

/** ssh_config(5): PreferredAuthentications, and a switch for each method. */
function listAuthentications(
  preferred: string | undefined,
  one: (keyword: string) => string | undefined,
): string[] {
  const wanted = preferred?.split(',') ?? Object.keys(authentications)
  return wanted.filter((method) => {
    const keyword = authentications[method as keyof typeof authentications]
    return keyword !== undefined && !['no', 'false'].includes(one(keyword) ?? 'yes')
  })
}

function needOpenssh(
  all: Map<string, string[]>,
  given: (keyword: string) => string | undefined,
): string | undefined {
  if (all.has('certificatefile') && given('certificatefile')) return 'a certificate is configured'
  if (given('pkcs11provider')) return 'keys of a PKCS#11 provider are configured'
  if (given('proxyusefdpass') === 'yes') return 'ProxyUseFdpass is configured'
  if (/%[^%hnpr]/.test(given('proxycommand')?.replaceAll('%%', '') ?? ''))
    return 'the ProxyCommand has a token that only ssh knows'
  return undefined
}

/** Settings without an ssh(1) to ask: its documented defaults (ssh_config(5)). */
export const defaultSettings = `identityfile ~/.ssh/id_rsa
identityfile ~/.ssh/id_ecdsa
identityfile ~/.ssh/id_ed25519
userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2`
