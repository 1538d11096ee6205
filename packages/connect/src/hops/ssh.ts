// `connect ssh HOST…`: other machines, through ssh2 from this one, through its ssh(1) from any other.
import { resolve } from 'node:path'
import type { Arguments } from '@plumbline/common/cli/option-table'
import { ShellConnection } from '@plumbline/common/connection/shell-connection'
import { makeToken } from '@plumbline/common/connection/token'
import type { Connection, Place } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { secretOptions } from '@plumbline/common/secret/secret-options'
import type { Hop, HopContext, OpenedHop } from '../hop.ts'
import { parseDestination, sshOptions, type Destination } from '../ssh/destination.ts'
import type { HostKeyPolicy } from '../ssh/host-key.ts'

const policies: readonly string[] = ['strict', 'accept-new']
const transports: readonly string[] = ['ssh2', 'openssh']

export const ssh: Hop = {
  command: {
    operands: '[USER@]HOST[:PORT]…',
    describe: 'other machines, through ssh; settings are those of ssh(1)',
    options: {
      ...sshOptions,
      'host-key': { type: 'string', argument: 'POLICY', describe: policies.join(' or '), default: 'strict' },
      transport: {
        type: 'string',
        argument: 'NAME',
        describe: 'ssh2, or openssh: the ssh command of this machine',
        default: 'ssh2, openssh where the settings need it',
      },
      ...secretOptions('password'),
      ...secretOptions('passphrase'),
    },
  },
  targets: ({ operands, values }) => {
    if (operands.length === 0) throw new ToolError('USAGE', { reason: 'connect ssh needs a host' })
    for (const operand of operands) parseDestination(operand, { values })
    choose(values['host-key']?.[0] ?? 'strict', policies, '--host-key')
    choose(values['transport']?.[0] ?? 'ssh2', transports, '--transport')
    return operands
  },
  namesHosts: true,
  open: openSsh,
}

function choose(value: string, allowed: readonly string[], option: string): void {
  if (allowed.includes(value)) return
  throw new ToolError('USAGE', { reason: `${option} is ${allowed.join(' or ')}, not "${value}"` })
}

async function openSsh(context: HopContext): Promise<OpenedHop> {
  const { lower, target, diagnose } = context
  const { values } = context.arguments
  const wanted = values['transport']?.[0]
  const here = lower.hops.length === 0
  const destination = parseDestination(target, { values: here ? locateFiles(values) : values })
  if (!here && wanted === 'ssh2') {
    const reason = 'ssh2 dials from this machine only; --transport openssh uses the ssh there'
    throw new ToolError('HOP_FAILED', { hop: `ssh:${target}`, reason })
  }
  if (!here || wanted === 'openssh') return openWithOpenssh(context, destination)
  const opened = await openWithSsh2(context, destination)
  if ('hop' in opened) return opened.hop
  if (wanted === 'ssh2')
    throw new ToolError('HOP_FAILED', { hop: `ssh:${target}`, reason: opened.opensshNeeded })
  diagnose(`${target}: using the ssh command: ${opened.opensshNeeded}`)
  return openWithOpenssh(context, destination)
}

/** Commands run in the home directory, but a file on the command line is one of the working directory. */
function locateFiles(values: Arguments['values']): Arguments['values'] {
  const locate = (path: string) => (path === 'none' || path.startsWith('~') ? path : resolve(path))
  const files = ['config', 'identity'].map((name) => [name, (values[name] ?? []).map(locate)])
  return { ...values, ...Object.fromEntries(files) }
}

async function openWithSsh2(
  context: HopContext,
  destination: Destination,
): Promise<{ hop: OpenedHop } | { opensshNeeded: string }> {
  const { lower, timeoutMs, environment, secrets } = context
  const { resolveDestination } = await import('../ssh/resolve.ts')
  const resolving = resolveDestination(lower.connection, lower.place, destination, timeoutMs)
  resolving.catch(() => undefined)
  const { dial, OpensshNeeded } = await import('../ssh/dial.ts')
  // It takes as long to load as ssh takes to tell its settings.
  const { loadSsh2 } = await import('../ssh/ssh2.ts')
  await loadSsh2()
  const resolved = await resolving
  const { settings, knownHosts } = resolved
  if (settings.needsOpenssh !== undefined) return { opensshNeeded: settings.needsOpenssh }
  const { knownKeyTypes } = await import('../ssh/host-key.ts')
  const { onlyAuthority } = knownKeyTypes(knownHosts, settings.hostKeyName)
  if (onlyAuthority) return { opensshNeeded: 'the host is known by a certificate authority' }
  try {
    const session = await dial(
      {
        connection: lower.connection,
        place: lower.place,
        policy: policyOf(context),
        timeoutMs,
        agent: environment['SSH_AUTH_SOCK'],
        secrets,
      },
      resolved,
    )
    const entry = {
      hop: `ssh:${destination.host}`,
      spare: 'always' as const,
      commandIsFree: true,
      // Behind a ForceCommand each session may have a container of its own.
      isScattered: true,
      start: (shellCommand: string) => session.start(`exec ${shellCommand}`),
    }
    const connection = new ShellConnection(entry)
    try {
      const place = await connection.establish({ changedUser: false, timeoutMs })
      return {
        hop: describe(
          destination,
          withSession(connection, () => session.close()),
          place,
        ),
      }
    } catch (error) {
      await session.close()
      throw error
    }
  } catch (error) {
    if (error instanceof OpensshNeeded) return { opensshNeeded: error.message }
    throw error
  }
}

async function openWithOpenssh(context: HopContext, destination: Destination): Promise<OpenedHop> {
  const { lower, timeoutMs } = context
  const { makeOpensshEntry } = await import('../ssh/openssh.ts')
  const token = makeToken()
  const entry = makeOpensshEntry(lower.connection, destination, {
    policy: policyOf(context),
    timeoutMs,
    token,
  })
  const connection = new ShellConnection(entry, { token })
  try {
    const place = await connection.establish({ changedUser: false, timeoutMs })
    return describe(destination, connection, place)
  } catch (error) {
    await connection.close()
    throw error
  }
}

function policyOf(context: HopContext): HostKeyPolicy {
  return context.arguments.values['host-key']?.[0] === 'accept-new' ? 'accept-new' : 'strict'
}

function describe({ host }: Destination, connection: Connection, place: Place): OpenedHop {
  return { connection, place, host, label: `ssh:${host}` }
}

/** Closing the connection also closes the session that carries it, after it. */
function withSession(connection: ShellConnection, end: () => Promise<void>): Connection {
  const close = connection.close.bind(connection)
  connection.close = () => close().finally(end)
  return connection
}
