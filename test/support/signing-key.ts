// A key pair that signs exports, and lists of the keys that may import, as files in a store's configuration directory.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'

export type SigningKey = { secret: string; known: string }

/** S-expressions as `guix archive --generate-key` writes them, of an RSA key. */
export function makeSigningKey(): SigningKey {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'd' | 'p' | 'q') => {
    const hex = Buffer.from(jwk[name] ?? '', 'base64url')
      .toString('hex')
      .toUpperCase()
    // A number of libgcrypt's is signed.
    return `(${name} #00${hex}#)`
  }
  const known = `(rsa ${part('n')} ${part('e')})`
  const secret = `(rsa ${part('n')} ${part('e')} ${part('d')} ${part('p')} ${part('q')})`
  return { secret: `(key-data (private-key ${secret}))`, known: `(public-key ${known})` }
}

/** With a list of who may import, when `trusted` is given: one entry for each. */
export function installKey(directory: string, key: SigningKey, trusted?: readonly SigningKey[]): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(`${directory}/signing-key.sec`, key.secret, { mode: 0o400 })
  writeFileSync(`${directory}/signing-key.pub`, key.known)
  if (!trusted) return
  const entries = trusted.map(({ known }) => `(entry ${known} (tag (guix import)))`)
  writeFileSync(`${directory}/acl`, `(acl ${entries.join(' ')})`)
}
