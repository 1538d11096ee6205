// `store-daemon --stdio` on another machine, through ssh2. Settings are those of OpenSSH, asked of `ssh -G`, and the
// host's key has to be one that ssh-keygen finds in its known_hosts.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { env, stderr } from 'node:process'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import type { Client, ConnectConfig } from 'ssh2'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Address } from './address.ts'

type SshAddress = Extract<Address, { kind: 'ssh' }>
type Settings = Readonly<Record<string, readonly string[]>>

const run = promisify(execFile)
const command = 'store-daemon --stdio'

/** Throws DAEMON_UNAVAILABLE, HOST_KEY_REVOKED, HOST_KEY_UNKNOWN. */
export async function openSsh(address: SshAddress, config?: string): Promise<Duplex> {
  const { Client } = await import('ssh2')
  const unavailable = (reason: string, cause: unknown) =>
    new ToolError('DAEMON_UNAVAILABLE', { address: address.destination, reason }, { cause })
  const settings = await readSettings(address, config).catch((error: unknown) => {
    const { stderr: said = '' } = error as { stderr?: string }
    throw unavailable(`ssh -G: ${said.trim() || reasonOf(error)}`, error)
  })
  const single = (name: string) => settings[name]?.[0] ?? ''
  const client = new Client()
  let hostKeyError: ToolError | undefined
  const options: ConnectConfig = {
    host: single('hostname'),
    port: Number(single('port')),
    username: single('user'),
    ...(env['SSH_AUTH_SOCK'] && { agent: env['SSH_AUTH_SOCK'] }),
    authHandler: makeAttempts(single('user'), settings),
    hostVerifier: (key: Buffer, accept: (known: boolean) => void) => {
      checkHostKey(address, settings, key).then(
        () => accept(true),
        (error: unknown) => {
          hostKeyError = error instanceof ToolError ? error : undefined
          accept(false)
        },
      )
    },
  }
  try {
    await connectClient(client, options)
    return await openChannel(client)
  } catch (error) {
    client.destroy()
    throw hostKeyError ?? unavailable(reasonOf(error), error)
  }
}

function connectClient(client: Client, options: ConnectConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    // Each small call would otherwise wait for the acknowledgement of the one before.
    client.on('ready', () => {
      client.setNoDelay(true)
      resolve()
    })
    client.on('error', reject).connect(options)
  })
}

function openChannel(client: Client): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error)
      channel.stderr.on('data', (text: Buffer) => stderr.write(text))
      channel.on('close', () => client.end())
      resolve(channel)
    })
  })
}

/** Keyword → values, as `ssh -G` prints them. */
async function readSettings({ user, host, port }: SshAddress, config?: string): Promise<Settings> {
  const args = [
    '-G',
    ...(config ? ['-F', config] : []),
    ...(user ? ['-l', user] : []),
    ...(port ? ['-p', String(port)] : []),
    '--',
    host,
  ]
  const { stdout } = await run('ssh', args)
  const settings: Record<string, string[]> = {}
  for (const line of stdout.split('\n')) {
    const [name = '', ...values] = line.split(' ')
    const known = (settings[name] ??= [])
    known.push(values.join(' '))
  }
  return settings
}

/** The agent's keys first, then the identity files that are there; ssh2 passes over those that are encrypted. */
function makeAttempts(username: string, settings: Settings) {
  const keys = (settings['identityfile'] ?? []).flatMap((file) => {
    try {
      return [readFileSync(file.replace(/^~/, homedir()))]
    } catch {
      return []
    }
  })
  const agent = env['SSH_AUTH_SOCK']
  return [
    ...(agent ? [{ type: 'agent' as const, username, agent }] : []),
    ...keys.map((key) => ({ type: 'publickey' as const, username, key })),
  ]
}

/** Throws HOST_KEY_REVOKED, wherever that is said, and HOST_KEY_UNKNOWN. */
async function checkHostKey({ host }: SshAddress, settings: Settings, key: Buffer): Promise<void> {
  const [name = host] = settings['hostname'] ?? []
  const port = settings['port']?.[0] ?? '22'
  // An alias is searched for as it is, whatever the port.
  const entry = settings['hostkeyalias']?.[0] ?? (port === '22' ? name : `[${name}]:${port}`)
  const files = [...(settings['userknownhostsfile'] ?? []), ...(settings['globalknownhostsfile'] ?? [])]
    .flatMap((list) => list.split(' '))
    .map((file) => file.replace(/^~/, homedir()))
  const encoded = key.toString('base64')
  let isKnown = false
  for (const file of files) {
    // It knows hashed names and patterns; of a file that is missing it says nothing.
    const { stdout } = await run('ssh-keygen', ['-F', entry, '-f', file]).catch(() => ({ stdout: '' }))
    for (const [, line, found = ''] of stdout.matchAll(/^# Host .* found: line (\d+).*\n(.*)$/gm)) {
      if (!found.includes(encoded)) continue
      if (found.startsWith('@revoked')) throw new ToolError('HOST_KEY_REVOKED', { host: entry, file, line })
      if (!found.startsWith('@')) isKnown = true
    }
  }
  if (isKnown) return
  throw new ToolError('HOST_KEY_UNKNOWN', {
    host: entry,
    file: files[0],
    fingerprint: formatFingerprint(key),
    hint: `run 'ssh ${host}' once`,
  })
}

/** SHA256:… as ssh-keygen -l prints it. */
function formatFingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}
