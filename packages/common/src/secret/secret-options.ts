// The options that say where a password or passphrase comes from. It is never an argument itself: arguments are for
// everybody to see.
// Pure: no I/O.
import type { Arguments, OptionTable } from '../cli/option-table.ts'
import { ToolError } from '../error/tool-error.ts'

export type SecretName = 'password' | 'passphrase'
export type SecretSource = { file: string } | { descriptor: number } | { command: string }

/** --NAME-file, --NAME-fd, --NAME-command. */
export function secretOptions(name: SecretName): OptionTable {
  return {
    [`${name}-file`]: {
      type: 'string',
      argument: 'FILE',
      describe: `read the ${name} from the first line of FILE`,
    },
    [`${name}-fd`]: { type: 'string', argument: 'N', describe: `read the ${name} from descriptor N` },
    [`${name}-command`]: {
      type: 'string',
      argument: 'COMMAND',
      describe: `the ${name} is what COMMAND prints`,
    },
  }
}

/** The source that was named, if any. Throws USAGE for more than one, and for what is no descriptor. */
export function parseSecretSource(name: SecretName, { values }: Arguments): SecretSource | undefined {
  const [file] = values[`${name}-file`] ?? []
  const [descriptor] = values[`${name}-fd`] ?? []
  const [command] = values[`${name}-command`] ?? []
  const given = [file, descriptor, command].filter((value) => value !== undefined)
  if (given.length > 1) throw new ToolError('USAGE', { reason: `The ${name} can come from one place only` })
  if (descriptor !== undefined && !/^\d+$/.test(descriptor)) {
    throw new ToolError('USAGE', { reason: `--${name}-fd needs a number, not "${descriptor}"` })
  }
  if (file !== undefined) return { file }
  if (descriptor !== undefined) return { descriptor: Number(descriptor) }
  return command === undefined ? undefined : { command }
}
