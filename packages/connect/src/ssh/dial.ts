// Dials a destination with ssh2: the way there (directly, through jump hosts, a proxy command), the host's key, the
// login; and says what went wrong in our own terms.
import { connect } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Connection, Place } from '@plumbline/common/connection/connection'
import type { Secrets } from '../secrets.ts'
import { makeAttempts, type Attempts } from './authentication.ts'
import { parseDestination } from './destination.ts'
import { judgeHostKey, knownKeyTypes, type HostKeyPolicy } from './host-key.ts'
import { formatHostName, formatKnownHost } from './known-hosts.ts'
import { resolveDestination, type Resolved } from './resolve.ts'
import { SshSession } from './session.ts'
import { openClient } from './ssh2.ts'
import { quoteWord } from '@plumbline/common/process/quote'

export type DialContext = {
  connection: Connection
  place: Place
  policy: HostKeyPolicy
  timeoutMs: number
  agent: string | undefined
  secrets: Secrets
}

/** Of what a ProxyCommand says on stderr, its end goes into the error. */
const proxyWords = 500

/** What ssh2 cannot do and OpenSSH can; the message says what. */
export class OpensshNeeded extends Error {}

export async function dial(context: DialContext, resolved: Resolved): Promise<SshSession> {
  const { settings } = resolved
  const jumps: SshSession[] = []
  const login = async () => {
    const attempts = await makeAttempts({
      ...context,
      settings,
      files: resolved.files,
      agent: chooseAgent(context, resolved),
    })
    const judged: { error?: ToolError; isNew?: Buffer } = {}
    const sock = await openWay(context, resolved, jumps)
    try {
      const client = await openClient({
        sock,
        username: settings.user,
        hostKeyTypes: knownKeyTypes(resolved.knownHosts, settings.hostKeyName).types,
        verifyHostKey: async (key) => verify(context, resolved, key, judged),
        authHandler: attempts.handler,
        readyTimeout: settings.connectTimeoutMs ?? context.timeoutMs,
        keepaliveInterval: settings.aliveIntervalMs,
        keepaliveCountMax: settings.aliveCount,
      })
      if (judged.isNew) await remember(context, resolved, judged.isNew)
      return client
    } catch (error) {
      sock.destroy()
      throw judged.error ?? explain(error, resolved, attempts)
    }
  }
  try {
    const session = new SshSession(resolved.destination.host, await login(), login)
    closeWith(session, jumps)
    return session
  } catch (error) {
    await Promise.all(jumps.map((jump) => jump.close()))
    throw error
  }
}

function closeWith(session: SshSession, jumps: readonly SshSession[]): void {
  const close = session.close.bind(session)
  session.close = async () => {
    await Promise.all([close(), ...jumps.map((jump) => jump.close())])
  }
}

function chooseAgent({ agent }: DialContext, { settings }: Resolved): string | undefined {
  const { identityAgent } = settings
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return agent
  return identityAgent
}

/** A stream to the server's port. Nagle's algorithm would hold every small packet for 40 ms. */
async function openWay(context: DialContext, resolved: Resolved, jumps: SshSession[]): Promise<Duplex> {
  const { settings } = resolved
  if (settings.proxyCommand !== undefined) return runProxy(context, settings.proxyCommand)
  if (settings.proxyJump !== undefined) {
    // a,b,c: through a to b, through b to c; each with settings of its own.
    const [last = '', ...before] = settings.proxyJump.split(',').toReversed()
    const given =
      before.length > 0 ? { jump: [before.toReversed().join(',')] } : { option: ['ProxyJump=none'] }
    const config = resolved.destination.sshArguments.indexOf('-F')
    const file = config < 0 ? undefined : resolved.destination.sshArguments[config + 1]
    const values = { ...given, ...(file !== undefined && { config: [file] }) }
    const next = await resolveDestination(
      context.connection,
      context.place,
      parseDestination(last, { values }),
      context.timeoutMs,
    )
    const jump = await dial(context, next)
    jumps.push(jump)
    return jump.forward(settings.hostname, settings.port)
  }
  return dialPort(settings.hostname, settings.port, settings.connectTimeoutMs ?? context.timeoutMs)
}

function dialPort(host: string, port: number, timeoutMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    // After our last word nothing of the server's is of interest, and its end would be another trip.
    socket.once('finish', () => socket.destroy())
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new ToolError('HOST_UNREACHABLE', { host: formatHostName(host, port), reason: 'no answer' }))
    }, timeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(explainSocket(error, host, port))
    })
  })
}

function runProxy({ connection }: DialContext, command: string): Duplex {
  const running = connection.run({ command: `exec ${command}` })
  // Its status says why it ended; the ends of its streams would only come before that.
  const [input, output] = [new PassThrough(), new PassThrough()]
  input.pipe(running.stdin.on('error', () => undefined))
  running.stdout.on('error', () => undefined).pipe(output, { end: false })
  const stream = Duplex.from({ readable: output, writable: input })
  let said = ''
  running.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-proxyWords)))
  running.status.then(
    (status) => stream.destroy(new Error(`its ProxyCommand ended with status ${status}: ${said.trim()}`)),
    (error: Error) => stream.destroy(error),
  )
  stream.once('close', () => running.cancel())
  return stream
}

function verify(
  { policy }: DialContext,
  { settings, knownHosts }: Resolved,
  key: Buffer,
  judged: { error?: ToolError; isNew?: Buffer },
): boolean {
  const { hostKeyName: name, knownHostsFiles: files } = settings
  try {
    if (judgeHostKey(key, knownHosts, { name, files, policy }) === 'new') judged.isNew = key
    return true
  } catch (error) {
    judged.error = error as ToolError
    return false
  }
}

/** Adds a key that --host-key accept-new has let in to the user's known_hosts. */
async function remember({ connection }: DialContext, { settings }: Resolved, key: Buffer): Promise<void> {
  const [file] = settings.knownHostsFiles
  if (file === undefined) return
  const line = formatKnownHost(settings.hostKeyName, key, settings.hashKnownHosts)
  const path = quoteWord(file)
  const command = `umask 077; mkdir -p "$(dirname ${path})" && cat >>${path}`
  const running = connection.run({ command })
  running.stdin.end(line)
  running.stdout.resume()
  running.stderr.resume()
  const status = await running.status
  if (status !== 0) throw new ToolError('CANNOT_CREATE', { path: file, reason: `status ${status}` })
}

function explainSocket(error: Error, host: string, port: number): ToolError {
  const code = errnoOf(error)
  if (code === 'ENOTFOUND') return new ToolError('HOST_UNKNOWN', { host })
  if (code === 'EAI_AGAIN')
    return new ToolError('HOST_UNKNOWN', { host, reason: 'the name service does not answer' })
  return new ToolError('HOST_UNREACHABLE', { host: formatHostName(host, port), reason: reasonOf(error) })
}

function explain(error: unknown, { settings }: Resolved, { tried, skipped }: Attempts): Error {
  if (error instanceof ToolError) return error
  const { level, message } = error as Error & { level?: string }
  const host = settings.hostKeyName
  if (level === 'client-authentication') {
    const unsupported = skipped.find((why) => /unsupported/i.test(why))
    if (unsupported) return new OpensshNeeded(unsupported)
    const refused = tried.filter((name) => name !== 'none').join(', ')
    const reason = refused ? `the server accepted none of: ${refused}` : 'there was nothing to try'
    const left = skipped.length > 0 ? `; left out: ${skipped.join(', ')}` : ''
    return new ToolError('AUTH_FAILED', { host, user: settings.user, reason: reason + left })
  }
  if (/no matching (key exchange|host key|C->S|S->C)/i.test(message)) return new OpensshNeeded(message)
  if (level === 'client-timeout')
    return new ToolError('HOST_UNREACHABLE', { host, reason: 'it does not answer' })
  return new ToolError('HOST_UNREACHABLE', { host, reason: reasonOf(error) })
}
