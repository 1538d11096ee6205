// `connect close ID…`: ends connections, with all that is built on them.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { ToolError } from '@plumbline/common/error/tool-error'
import { exitStatus } from '@plumbline/common/error/exit'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { closeConnection, findConnections, type OpenConnection } from '../serve/open-connections.ts'

export async function runClose(tool: Tool): Promise<number> {
  const { operands } = tool.arguments
  if (operands.length === 0)
    throw new ToolError('USAGE', { reason: 'connect close needs the id of a connection' })
  const open = await findConnections(tool.environment)
  const counts = { closed: 0, errors: 0 }
  for (const id of operands) {
    try {
      const { record } = choose(open, id)
      if (await closeConnection(record)) counts.closed++
      else throw new ToolError('CONNECTION_UNKNOWN', { id, action: 'close', hint: 'it has just ended' })
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      counts.errors++
      tool.diagnose(error.message)
      await tool.records.write({ ...makeErrorRecord('connect', error), id })
    }
  }
  await tool.records.write({ type: 'end', tool: 'connect', ok: counts.errors === 0, counts })
  return counts.errors > 0 ? exitStatus.someFailed : exitStatus.ok
}

/** By its id, or the beginning of it when no other has the same. */
function choose(open: readonly OpenConnection[], id: string): OpenConnection {
  const [first, second] = open.filter(({ record }) => record.id.startsWith(id))
  if (first === undefined || id === '') throw new ToolError('CONNECTION_UNKNOWN', { id, action: 'close' })
  if (second === undefined || first.record.id === id) return first
  throw new ToolError('CONNECTION_UNKNOWN', { id, action: 'close', hint: 'several begin so' })
}
