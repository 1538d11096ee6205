// The command line of `propapply`.
import type { Program, Tool } from '@plumbline/common/cli/run-tool'
import { optionTable } from './options.ts'

async function run(tool: Tool): Promise<number> {
  const { flags, values } = tool.arguments
  const [explained] = values['explain'] ?? []
  if (!flags.has('list') && explained === undefined) {
    const { propapply } = await import('./propapply.ts')
    return propapply(tool)
  }
  const { explainProperty, listProperties } = await import('./describe-properties.ts')
  return explained === undefined ? listProperties(tool) : explainProperty(tool, explained)
}

export const program: Program = {
  line: {
    program: 'propapply',
    describe: 'Applies properties over every connection read from standard input.',
    commands: {
      '': {
        operands: '[SITE…]',
        describe:
          'SITE is a file of properties (.ndjson, .json, .yaml, .mjs), or - for standard input. Without connections ' +
          'on standard input they are applied to this machine.',
        options: optionTable,
      },
    },
    examples: [
      ['connect ssh web1 web2 | connect sudo | propapply site.ndjson', 'configure two machines as root'],
      ['propapply --check --diff -n site.yaml', 'what would change on this machine, and how'],
      ["propapply -n -p 'file.has-content path=/etc/motd content=hi'", 'one property'],
      ['propapply --explain file.has-content', 'what a property means'],
    ],
  },
  schemas: async () => (await import('./schemas.ts')).schemas,
  run,
  endsWithRun: true,
  afterFailure: async (tool) => (await import('./hosts.ts')).leaveConnections(tool),
}
