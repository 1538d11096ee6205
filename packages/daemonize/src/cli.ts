// The command line of `daemonize`.
import type { Program, Tool } from '@plumbline/common/cli/run-tool'
import { commandNames } from './commands/table.ts'
import { errorStatus } from './commands/lsb-status.ts'

export const program: Program = {
  line: {
    program: 'daemonize',
    describe:
      'Run services as daemons: any program, or sites in Node. start returns when the service is ready, stop when ' +
      'all of it is gone. Prints one service record per service; exit statuses are those of init scripts.',
    commands: {
      '': {
        operands: `[CONF…] ${commandNames.join('|')}`,
        describe:
          'CONF is a configuration (JSON, YAML, ES module), or the NAME of one in /etc/daemonize. Without it, ' +
          'service records on standard input name them.',
        options: {
          force: { type: 'boolean', alias: 'f', describe: 'zap: even if the service lives' },
          timeout: {
            type: 'string',
            alias: 't',
            argument: 'MS',
            describe: 'how long start or stop may take',
          },
          lines: {
            type: 'string',
            alias: 'n',
            argument: 'N',
            describe: 'logs: how many of the last lines',
            default: '10',
          },
          follow: { type: 'boolean', alias: 'F', describe: 'logs: and those that come' },
          systemd: { type: 'boolean', describe: 'unit: a systemd unit (default)' },
          openrc: { type: 'boolean', describe: 'unit: an OpenRC script' },
          sysv: { type: 'boolean', describe: 'unit: an LSB init script' },
          s6: { type: 'boolean', describe: 'unit: the run script of an s6 service directory' },
          runit: { type: 'boolean', describe: 'unit: the run script of a runit service directory' },
        },
      },
    },
    examples: [
      ['daemonize web.json start', 'start a service and wait until it is ready'],
      ['daemonize a.json b.json status', 'what two services are doing'],
      ['daemonize list | jq -c \'select(.state=="dead")\' | daemonize start', 'start what has died'],
      ['daemonize web.json unit --systemd', 'a unit for it'],
    ],
  },
  schemas: async () => {
    const { serviceRecord, serviceReference } = await import('@plumbline/common/records/service')
    const { errorRecord } = await import('@plumbline/common/records/error')
    return { reads: { service: serviceReference }, writes: { service: serviceRecord, error: errorRecord } }
  },
  endsWithRun: true,
  run: async (tool: Tool) => (await import('./commands/run-commands.ts')).runCommands(tool),
  exitOf: errorStatus,
}
