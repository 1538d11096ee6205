// The command line of `connect`: a hop type, or one of the verbs for work by hand.
import type { Command, CommandLine } from '@plumbline/common/cli/option-table'
import type { Program, Tool } from '@plumbline/common/cli/run-tool'
import { hopOptions } from './hop-options.ts'
import { hops } from './hops/table.ts'
import { verbs } from './verbs/table.ts'

const hopCommands = Object.entries(hops).map(([name, load]) => [
  name,
  async (): Promise<Command> => {
    const { command } = await load()
    return { ...command, options: { ...command.options, ...hopOptions } }
  },
])

const line: CommandLine = {
  program: 'connect',
  describe: 'Opens one connection hop on every connection read from standard input, and serves it.',
  commands: { ...Object.fromEntries(hopCommands), ...verbs },
  examples: [
    ['connect ssh web1 web2 | connect sudo | propapply site.ndjson', 'configure two machines as root'],
    ['connect ssh web1 | connect exec -- uname -a', 'run one command there'],
    ['connect ssh web1 | connect get /etc/hosts >hosts', 'fetch a file'],
  ],
}

async function run(tool: Tool): Promise<number> {
  const { command } = tool.arguments
  const loadHop = Object.hasOwn(hops, command) ? hops[command] : undefined
  if (loadHop) {
    const { openHops } = await import('./open-hops.ts')
    return openHops(tool, await loadHop())
  }
  if (command === 'list') return (await import('./verbs/list.ts')).runList(tool)
  if (command === 'close') return (await import('./verbs/close.ts')).runClose(tool)
  const { runVerb } = await import('./verbs/run-verb.ts')
  return runVerb(tool)
}

/** Whoever serves connections to a run that was refused must not wait for it. */
async function leave({ arguments: { flags }, signal, environment }: Tool): Promise<void> {
  if (flags.has('local')) return
  const { leaveConnections } = await import('@plumbline/common/connection/leave-connections')
  await leaveConnections(signal, environment)
}

export const program: Program = {
  line,
  schemas: async () => (await import('./schemas.ts')).schemas,
  run,
  endsWithRun: true,
  afterFailure: leave,
}
