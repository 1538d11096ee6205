// The command line of `store-cli`.
import { getuid } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Program, Tool } from '@plumbline/common/cli/run-tool'
import { parseAddress, defaultAddress } from './address.ts'
import { commands, runners } from './commands.ts'

export const program: Program = {
  line: {
    program: 'store-cli',
    describe: 'Asks a store daemon, this one or a guix-daemon, here or elsewhere, and prints records.',
    commands,
    examples: [
      ['store-cli add ./site', 'add a tree, print its path'],
      ['store-cli requisites PATH | store-cli path-info', 'all that PATH needs, in detail'],
      ['store-cli gc --dead | jq -r .path', 'what a collection would delete'],
      [
        'store-cli export --requisites PATH | store-cli import --socket ssh://web1',
        'copy to another machine',
      ],
    ],
  },
  schemas: async () => (await import('./schemas.ts')).schemas,
  run,
}

async function run(tool: Tool): Promise<number> {
  const { arguments: args, environment, signal } = tool
  const [operand] = args.operands
  if (operand !== undefined && commands[args.command]?.operands === '')
    throw new ToolError('USAGE', { reason: `Unexpected operand "${operand}"` })
  const address = args.values['socket']?.[0] ?? defaultAddress(environment, getuid?.() ?? 0)
  const target = parseAddress(address)
  const { openTransport } = await import('./open-transport.ts')
  const { StoreClient } = await import('./store-client.ts')
  const { Context } = await import('./context.ts')
  const client = new StoreClient(async () => {
    const socket = await openTransport(target, args.values['ssh-config']?.[0])
    // A daemon that is waited for has to be left when the user has had enough.
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    return socket
  })
  try {
    const context = new Context(tool, client, address)
    const runCommand = await runners[args.command]?.()
    await runCommand?.(context)
    return context.status
  } finally {
    await client.close()
  }
}
