// The known_hosts format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT):
//
//   line     = [ marker SP ] hosts SP keytype SP base64-key [ SP comment ] | "#" … | blank
//   marker   = "@cert-authority" | "@revoked"
//   hosts    = pattern { "," pattern } | "|1|" base64-salt "|" base64-HMAC-SHA1(salt, name)
//   pattern  = [ "!" ] name with * and ?; a name at a port other than 22 is "[name]:port"
// Pure: no I/O.
import { createHmac, randomBytes } from 'node:crypto'

export type KnownHost = {
  marker: 'cert-authority' | 'revoked' | undefined
  keyType: string
  key: Buffer
  line: number
  file: string
  matches: (name: string) => boolean
}

/** Lines that cannot be read are skipped, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((source, index) => {
    const words = source.trim().split(/\s+/)
    if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) return []
    const marker = words[0].startsWith('@') ? words.shift()?.slice(1) : undefined
    const [hosts, keyType, key] = words
    if (hosts === undefined || keyType === undefined || key === undefined) return []
    if (marker !== undefined && marker !== 'cert-authority' && marker !== 'revoked') return []
    const matches = hosts.startsWith('|1|') ? matchHashed(hosts) : matchPatterns(hosts)
    return [{ marker, keyType, key: Buffer.from(key, 'base64'), line: index + 1, file, matches }]
  })
}

/** How known_hosts names a host at a port. */
export function formatHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/** A line that makes the key known; the name is hashed when asked. */
export function formatKnownHost(name: string, key: Buffer, hashed: boolean): string {
  const salt = randomBytes(20)
  const hosts = hashed ? `|1|${salt.toString('base64')}|${hashName(salt, name).toString('base64')}` : name
  return `${hosts} ${keyTypeOf(key)} ${key.toString('base64')}\n`
}

/** The type that a key blob starts with (RFC 4253 §6.6: string algorithm, …). */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return ''
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1')
}

function hashName(salt: Buffer, name: string): Buffer {
  return createHmac('sha1', salt).update(name).digest()
}

function matchHashed(hosts: string): KnownHost['matches'] {
  const [, , salt = '', hash = ''] = hosts.split('|')
  const wanted = Buffer.from(hash, 'base64')
  return (name) => hashName(Buffer.from(salt, 'base64'), name).equals(wanted)
}

function matchPatterns(hosts: string): KnownHost['matches'] {
  const patterns = hosts.split(',').map((pattern) => ({
    negated: pattern.startsWith('!'),
    expression: toExpression(pattern.replace(/^!/, '').toLowerCase()),
  }))
  return (name) => {
    const hits = patterns.filter(({ expression }) => expression.test(name))
    return hits.length > 0 && !hits.some(({ negated }) => negated)
  }
}

function toExpression(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`)
}
