// The hop of a container engine whose `exec` runs a command in a container: docker and podman alike.
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand } from '@plumbline/common/process/quote'
import { enterShell } from './enter-shell.ts'
import type { Hop } from './hop.ts'
import { explainMissing } from './noise.ts'
import { requireNames } from './operands.ts'

export function makeContainerHop(engine: string): Hop {
  return {
    command: {
      operands: 'CONTAINER…',
      describe: `running containers, through ${engine} exec`,
      options: {
        user: {
          type: 'string',
          alias: 'u',
          argument: 'USER[:GROUP]',
          describe: 'user there, by name or number',
        },
      },
    },
    targets: (args) => {
      const [user] = args.values['user'] ?? []
      if (user === undefined || /^[\w.-]+(:[\w.-]+)?$/.test(user)) return requireNames(args, 'a container')
      throw new ToolError('USAGE', { reason: `--user needs USER or USER:GROUP, not "${user}"` })
    },
    namesHosts: true,
    open: (context) => {
      const { target: name } = context
      const [user] = context.arguments.values['user'] ?? []
      const label = `${engine}:${name}`
      const argv = [engine, 'exec', '-i', ...(user === undefined ? [] : ['-u', user]), name]
      return enterShell(context, {
        label,
        host: name,
        wrap: (shellCommand) => `exec ${quoteCommand(argv)} ${shellCommand}`,
        explain: explainMissing(label, `${engine}(1), and /bin/sh in the container`),
      })
    },
  }
}
