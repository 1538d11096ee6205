// [USER@]HOST[:PORT] and ssh://[USER@]HOST[:PORT], and the ssh(1) options that go with it.
// Pure: no I/O.
import type { Arguments, OptionTable } from '@plumbline/common/cli/option-table'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Destination = { host: string; sshArguments: string[] }

/** ssh(1)'s own options, by its letters, handed on to it. */
export const sshOptions = {
  user: { type: 'string', alias: 'l', argument: 'USER', describe: 'log in as USER' },
  port: { type: 'string', alias: 'p', argument: 'PORT', describe: 'port there' },
  identity: { type: 'string', alias: 'i', argument: 'FILE', repeat: true, describe: 'log in with this key' },
  config: { type: 'string', alias: 'F', argument: 'FILE', describe: 'ssh configuration file' },
  jump: { type: 'string', alias: 'J', argument: 'HOST,…', describe: 'connect through these hosts' },
  option: {
    type: 'string',
    alias: 'o',
    argument: 'KEY=VALUE',
    repeat: true,
    describe: 'an ssh_config option',
  },
} as const satisfies OptionTable

/** Throws USAGE for what cannot be a host; a leading dash would become an option of ssh(1). */
export function parseDestination(text: string, { values }: Pick<Arguments, 'values'>): Destination {
  const [, user, bracketed, bare, port] =
    /^(?:ssh:\/\/)?(?:([^/]+)@)?(?:\[([^\]]+)\]|([^:/[\]@]+|[^/[\]@]*:[^/[\]@]*:[^/[\]@]*))(?::(\d+))?\/?$/.exec(
      text,
    ) ?? []
  const host = bracketed ?? bare
  if (host === undefined || host.startsWith('-') || user?.startsWith('-') || /\s/.test(text)) {
    throw new ToolError('USAGE', { reason: `"${text}" is no [USER@]HOST[:PORT]` })
  }
  const each = (name: keyof typeof sshOptions, letter: string) =>
    (values[name] ?? []).flatMap((value) => [letter, value])
  const sshArguments = [
    ...each('config', '-F'),
    ...each('option', '-o'),
    ...each('identity', '-i'),
    ...each('jump', '-J'),
    ...(user === undefined ? each('user', '-l') : ['-l', user]),
    ...(port === undefined ? each('port', '-p') : ['-p', port]),
  ]
  return { host, sshArguments }
}
