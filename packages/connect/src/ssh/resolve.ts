// Everything about a destination that has to be known before dialling: settings, known hosts, identities.
import type { Connection, Place } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand } from '@plumbline/common/process/quote'
import type { Destination } from './destination.ts'
import { capture, readFiles } from './files.ts'
import { parseKnownHosts, type KnownHost } from './known-hosts.ts'
import { defaultSettings, parseSettings, type Settings } from './settings.ts'

export type Resolved = {
  destination: Destination
  settings: Settings
  knownHosts: KnownHost[]
  files: ReadonlyMap<string, Buffer>
}

const commandNotFound = 127

/** Asks `ssh -G` on this machine, and reads the files it names. Throws USAGE for what ssh(1) refuses, HOP_TIMEOUT. */
export async function resolveDestination(
  connection: Connection,
  place: Place,
  destination: Destination,
  timeoutMs: number,
): Promise<Resolved> {
  const { host, sshArguments } = destination
  // It runs the commands of `Match exec`, and asks for names.
  const ask = quoteCommand(['ssh', '-G', ...sshArguments, '--', host])
  const asked = await capture(connection, ask, { hop: `ssh:${host}`, timeoutMs })
  const known = asked.status !== commandNotFound
  if (known && asked.status !== 0) {
    throw new ToolError('USAGE', { reason: `ssh cannot resolve "${host}": ${asked.stderr.trim()}` })
  }
  const names = { home: place.home, localUser: place.user, target: host }
  const settings = parseSettings(known ? asked.stdout : withoutSsh(destination), names)
  const { knownHostsFiles, identityFiles } = settings
  const publicFiles = identityFiles.map((file) => `${file}.pub`)
  const files = await readFiles(connection, [...knownHostsFiles, ...identityFiles, ...publicFiles])
  const knownHosts = knownHostsFiles.flatMap((file) =>
    parseKnownHosts(files.get(file)?.toString('latin1') ?? '', file),
  )
  return { destination, settings, knownHosts, files }
}

/** The options given, over ssh's documented defaults. */
function withoutSsh({ sshArguments }: Destination): string {
  const keyword: Record<string, string> = {
    '-l': 'user',
    '-p': 'port',
    '-i': 'identityfile',
    '-J': 'proxyjump',
  }
  const given = sshArguments.flatMap((letter, index) => {
    const name = keyword[letter]
    return index % 2 === 0 && name ? [`${name} ${sshArguments[index + 1]}`] : []
  })
  return [...given, defaultSettings].join('\n')
}
