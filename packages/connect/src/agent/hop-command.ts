// What the hops that lead to an agent have in common on the command line.
// Pure: no I/O.
import { parseDurationOption } from '@plumbline/common/cli/duration'
import type { Arguments, OptionTable } from '@plumbline/common/cli/option-table'
import { ToolError } from '@plumbline/common/error/tool-error'

const shortestMs = 100

export const keepaliveOption = {
  keepalive: {
    type: 'string',
    argument: 'DURATION',
    describe: 'prove life in this interval; after four that were silent, the connection is lost',
    default: '15s',
  },
} as const satisfies OptionTable

/** Milliseconds. Throws USAGE; what is checked before anything is opened has been checked here already. */
export function parseKeepalive({ values }: Arguments): number {
  const text = values['keepalive']?.[0] ?? keepaliveOption.keepalive.default
  const ms = parseDurationOption(text, '--keepalive')
  if (ms >= shortestMs) return ms
  throw new ToolError('USAGE', { reason: `--keepalive needs at least ${shortestMs}ms, not "${text}"` })
}

/** The one nameless target of a hop without operands. */
export function refuseOperands(hop: string): (args: Arguments) => string[] {
  return (args) => {
    const [extra] = args.operands
    parseKeepalive(args)
    if (extra === undefined) return ['']
    throw new ToolError('USAGE', { reason: `connect ${hop} takes no operand "${extra}"` })
  }
}
