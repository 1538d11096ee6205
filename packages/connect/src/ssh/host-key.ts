// Whether a host's key is the one that is known for it.
// Pure: no I/O.
import { createHash } from 'node:crypto'
import { ToolError } from '@plumbline/common/error/tool-error'
import { keyTypeOf, type KnownHost } from './known-hosts.ts'

export type HostKeyPolicy = 'strict' | 'accept-new'

export type HostKeyVerdict = 'known' | 'new'

type Question = { name: string; files: readonly string[]; policy: HostKeyPolicy }

/** Throws HOST_KEY_REVOKED, HOST_KEY_MISMATCH, or under the strict policy HOST_KEY_UNKNOWN. */
export function judgeHostKey(key: Buffer, entries: readonly KnownHost[], question: Question): HostKeyVerdict {
  const { name, files, policy } = question
  const about = entries.filter(({ matches }) => matches(name))
  const same = about.filter((entry) => entry.key.equals(key))
  const revoked = same.find(({ marker }) => marker === 'revoked')
  if (revoked) throw new ToolError('HOST_KEY_REVOKED', { host: name, file: revoked.file, line: revoked.line })
  if (same.some(({ marker }) => marker === undefined)) return 'known'
  // The types that are known are offered first, so a server that shows another type has none of its known keys.
  const sameType = about.find(({ marker, keyType }) => marker === undefined && keyType === keyTypeOf(key))
  const other = sameType ?? about.find(({ marker }) => marker === undefined)
  if (other) throw new ToolError('HOST_KEY_MISMATCH', { host: name, file: other.file, line: other.line })
  if (policy === 'accept-new') return 'new'
  throw new ToolError('HOST_KEY_UNKNOWN', {
    host: name,
    file: files[0] ?? 'any known_hosts file',
    fingerprint: `${keyTypeOf(key)} ${formatFingerprint(key)}`,
    hint: '--host-key accept-new would add it',
  })
}

/** The key types known under a name, and whether only an authority's signature would make it known. */
export function knownKeyTypes(entries: readonly KnownHost[], name: string) {
  const about = entries.filter(({ matches }) => matches(name))
  const types = about.filter(({ marker }) => marker === undefined).map(({ keyType }) => keyType)
  return {
    types,
    onlyAuthority: types.length === 0 && about.some(({ marker }) => marker === 'cert-authority'),
  }
}

/** SHA256:… as ssh-keygen -l prints it. */
export function formatFingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}
