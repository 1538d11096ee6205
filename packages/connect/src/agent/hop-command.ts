// What the hops that lead to an agent have in common on the command line.
// Pure: no I/O.
import type { Arguments, OptionTable } from '@plumbline/common/cli/option-table'
import { ToolError } from '@plumbline/common/error/tool-error'

export const keepaliveOption = {
  keepalive: {
    type: 'string',
    argument: 'DURATION',
    describe: 'prove life in this interval; after four that were silent, the connection is lost',
    default: '15s',
  },
} as const satisfies OptionTable

/** The one nameless target of a hop without operands. */
export function refuseOperands(hop: string): (args: Arguments) => string[] {
  return ({ operands: [extra] }) => {
    if (extra === undefined) return ['']
    throw new ToolError('USAGE', { reason: `connect ${hop} takes no operand "${extra}"` })
  }
}
