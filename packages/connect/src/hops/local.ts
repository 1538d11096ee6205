// `connect local`: this machine, as the user who asks.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Hop } from '../hop.ts'

export const local: Hop = {
  command: { operands: '', describe: 'this machine', options: {} },
  targets: ({ operands: [extra] }) => {
    if (extra !== undefined)
      throw new ToolError('USAGE', { reason: `connect local takes no operand "${extra}"` })
    return ['']
  },
  open: async ({ lower }) => {
    if (lower.hops.length > 0) {
      throw new ToolError('HOP_FAILED', {
        hop: 'local',
        reason: `it is the first hop, not one on ${lower.host}`,
      })
    }
    return { connection: lower.connection, place: lower.place, label: 'local' }
  },
}
