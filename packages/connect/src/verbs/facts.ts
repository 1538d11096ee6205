// `connect facts [FACT…]`: what is known, or can be found out, of the place where each connection leads.
import { askFacts } from '@plumbline/common/connection/facts'
import { ToolError } from '@plumbline/common/error/tool-error'
import { factNames, type FactName } from '@plumbline/common/records/facts'
import type { Verb } from './run-verb.ts'

export const facts: Verb = {
  isRaw: () => false,
  prepare: (tool) => {
    const { operands } = tool.arguments
    const names = operands.length > 0 ? operands.map(parseName) : factNames
    return async ({ connection, host }) => {
      await tool.records.write({ type: 'facts', host, ...(await askFacts(connection, names)) })
      return 0
    }
  },
}

function parseName(word: string): FactName {
  const name = factNames.find((each) => each === word)
  if (name !== undefined) return name
  throw new ToolError('USAGE', {
    reason: `There is no fact "${word}"`,
    hint: `there are ${factNames.join(', ')}`,
  })
}
