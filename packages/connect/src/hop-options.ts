// Options that every hop has.
// Pure: no I/O.
import type { OptionTable } from '@plumbline/common/cli/option-table'

export const hopOptions = {
  local: { type: 'boolean', alias: 'n', describe: 'start at this machine; standard input is not read' },
  linger: {
    type: 'string',
    argument: 'DURATION',
    describe: 'how long to serve when no client comes',
    default: '30s',
  },
  timeout: {
    type: 'string',
    argument: 'DURATION',
    describe: 'how long entering the hop may take',
    default: '30s',
  },
} as const satisfies OptionTable
