// The key that published items are signed with: this machine's, as `guix archive --generate-key` makes it.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { parseSexp, type Sexp } from '@plumbline/common/store/sexp'
import { signHash } from '@plumbline/common/store/signature'

export type SigningKey = { sign: (hash: Buffer) => string }

type Environment = Readonly<Record<string, string | undefined>>

/** Where the daemon of this machine looks for its own. */
export function defaultKeyFile(environment: Environment, uid: number): string {
  const home = environment['XDG_CONFIG_HOME'] ?? join(environment['HOME'] ?? '/', '.config')
  const configuration =
    environment['GUIX_CONFIGURATION_DIRECTORY'] ?? (uid === 0 ? '/etc/guix' : join(home, 'plumbline'))
  return join(configuration, 'signing-key.sec')
}

/** `file` has the secret key; the public one is beside it, with .pub for .sec. Throws SECRET_UNREADABLE. */
export function readSigningKey(file: string): SigningKey {
  const secret = read(file)
  if (statSync(file).mode & 0o077) throw unreadable(file, 'others may read it too')
  const known = read(`${file.replace(/\.sec$/, '')}.pub`)
  return { sign: (hash) => signHash(hash, secret, known) }
}

function read(file: string): Sexp {
  try {
    return parseSexp(readFileSync(file, 'latin1'))
  } catch (error) {
    throw unreadable(file, reasonOf(error))
  }
}

function unreadable(source: string, reason: string): ToolError {
  return new ToolError('SECRET_UNREADABLE', { what: 'signing key', source: `"${source}"`, reason })
}
