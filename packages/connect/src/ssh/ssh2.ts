// The only file that imports ssh2, and not before something needs it.
import type { Duplex } from 'node:stream'
import type { AuthHandlerMiddleware, BaseAgent, Client, ClientChannel, ParsedKey } from 'ssh2'

/** It takes a while: whoever will need it can ask for it before. */
export const loadSsh2 = () => import('ssh2')

/** The key, or ssh2's reason why it cannot be used (encrypted, of an unsupported type). */
export async function parsePrivateKey(content: Buffer, passphrase?: Buffer): Promise<ParsedKey | Error> {
  const { default: ssh2 } = await loadSsh2()
  const parsed = ssh2.utils.parseKey(content, passphrase)
  // Files with several keys hold one in practice; the first is what OpenSSH takes.
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('it holds no key')) : parsed
}

/** The blob of a public key file's `type base64 comment`. */
export function publicBlob(content: Buffer | undefined): Buffer | undefined {
  const [, base64] = content?.toString('latin1').trim().split(/\s+/) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
}

/** The agent at a socket; with `only`, restricted to those public keys. */
export async function makeFilteredAgent(
  socket: string,
  only: readonly Buffer[] | undefined,
): Promise<BaseAgent> {
  const { default: ssh2 } = await loadSsh2()
  const agent = new ssh2.OpenSSHAgent(socket)
  const all = agent.getIdentities.bind(agent)
  agent.getIdentities = (done) =>
    all((error, keys) => {
      if (error || !keys) return done(error as never)
      const usable = (keys as ParsedKey[]).filter(
        (key) => !only || only.some((blob) => blob.equals(key.getPublicSSH())),
      )
      done(null as never, usable as never)
    })
  return agent
}

export type ClientOptions = {
  sock: Duplex
  username: string
  hostKeyTypes: readonly string[]
  verifyHostKey: (key: Buffer) => Promise<boolean>
  authHandler: AuthHandlerMiddleware
  readyTimeout: number
  keepaliveInterval: number
  keepaliveCountMax: number
}

/** Logs in. Rejects with ssh2's error, which carries a `level`. */
export async function openClient(options: ClientOptions): Promise<Client> {
  const { default: ssh2 } = await loadSsh2()
  const { hostKeyTypes, verifyHostKey, ...rest } = options
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(client))
    // There may be several: the time that is up, and the socket that is then closed.
    client.on('error', reject)
    client.once('close', () => reject(new Error('the server closed the connection')))
    client.connect({
      ...rest,
      // The types that are known for the host come first, so that the server shows a key that can be checked.
      algorithms: { serverHostKey: orderTypes(hostKeyTypes) as never },
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => void verifyHostKey(key).then(verify),
    })
  })
}

export type { Client, ClientChannel }

const hostKeyAlgorithms: readonly (readonly [algorithm: string, keyType: string])[] = [
  ['ssh-ed25519', 'ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['rsa-sha2-256', 'ssh-rsa'],
]

function orderTypes(known: readonly string[]): string[] {
  const first = hostKeyAlgorithms.filter(([, type]) => known.includes(type))
  const rest = hostKeyAlgorithms.filter(([, type]) => !known.includes(type))
  return [...first, ...rest].map(([algorithm]) => algorithm)
}
