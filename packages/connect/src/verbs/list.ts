// `connect list`: the connections that are open for this user.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { ToolError } from '@plumbline/common/error/tool-error'
import { exitStatus } from '@plumbline/common/error/exit'
import { findConnections } from '../serve/open-connections.ts'

export async function runList({ arguments: { operands }, environment, records }: Tool): Promise<number> {
  const [extra] = operands
  if (extra !== undefined)
    throw new ToolError('USAGE', { reason: `connect list takes no operand "${extra}"` })
  for (const { record, clients } of await findConnections(environment)) {
    await records.write({ ...record, clients })
  }
  return exitStatus.ok
}
