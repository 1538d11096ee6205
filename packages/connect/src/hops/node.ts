// `connect node`: our own runtime on the far side, run by the Node there.
import { ToolError } from '@plumbline/common/error/tool-error'
import { readAgentFile } from '../agent/agent-file.ts'
import { openAgent, RuntimeMissing, type OpenedAgent } from '../agent/open-agent.ts'
import { formatStart, installCommand } from '../agent/start-command.ts'
import { keepaliveOption, parseKeepalive, refuseOperands } from '../agent/hop-command.ts'
import type { Hop, HopContext, OpenedHop } from '../hop.ts'

export const node: Hop = {
  command: {
    operands: '',
    describe: 'an agent, run by the Node there',
    options: {
      node: { type: 'string', argument: 'PATH', describe: 'the Node to run; else the first one found' },
      'no-install': { type: 'boolean', describe: 'never install Node' },
      'no-cache': { type: 'boolean', describe: 'keep the agent there in memory only' },
      ...keepaliveOption,
    },
  },
  targets: refuseOperands('node'),
  open: openNode,
}

async function openNode(context: HopContext): Promise<OpenedHop> {
  const { lower, diagnose } = context
  const { flags } = context.arguments
  const label = 'node'
  try {
    return { ...(await start(context)), label }
  } catch (error) {
    if (!(error instanceof RuntimeMissing)) throw error
  }
  const missing = (hint: string) => new ToolError('NODE_MISSING', { hop: label, host: lower.host, hint })
  if (flags.has('no-install')) throw missing('--no-install was given')
  if (lower.place.uid !== 0) throw missing(`${lower.place.user} cannot install it`)
  diagnose(`${lower.host}: installing Node`)
  await lower.connection.runlines({ command: installCommand }).catch((error: unknown) => {
    throw missing(error instanceof ToolError ? `installing it failed: ${error.message}` : '')
  })
  try {
    return { ...(await start(context)), label }
  } catch (error) {
    throw error instanceof RuntimeMissing ? missing('the one that was installed is older') : error
  }
}

async function start({ lower, timeoutMs, arguments: args }: HopContext): Promise<OpenedAgent> {
  const { flags, values } = args
  const file = readAgentFile()
  const cache = !flags.has('no-cache')
  const intervalMs = parseKeepalive(args)
  const config = { host: lower.host, intervalMs, place: lower.place, changes: [], descriptors: 0 }
  const running = lower.connection.run({
    command: formatStart({ file, config, cache, node: values['node']?.[0] }),
  })
  // What is not to be looked for need not be asked for.
  if (!cache) running.stdin.write(file.bytes)
  return openAgent(running, { hop: 'node', timeoutMs, intervalMs, bytes: file.bytes })
}
