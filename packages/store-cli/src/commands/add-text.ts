// Adds what is on standard input as a text, with its references.
import { ToolError } from '@plumbline/common/error/tool-error'
import { readInput } from '@plumbline/common/cli/input'
import { isTerminal } from '@plumbline/common/cli/terminal'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import type { Context } from '../context.ts'
import { addText as add } from '../queries.ts'

export async function addText(context: Context): Promise<void> {
  const [name = ''] = context.expectOperands(1, 'a NAME for the text')
  if (isTerminal(0)) throw new ToolError('TERMINAL_INPUT', { what: 'the text' })
  const chunks: Buffer[] = []
  for await (const chunk of readInput('-', context.tool.signal)) chunks.push(chunk)
  const references = (context.tool.arguments.values['reference'] ?? []).map(toByteString)
  try {
    const path = await add(context.client, {
      name: toByteString(name),
      contents: Buffer.concat(chunks),
      references,
    })
    await context.emit({ type: 'path', path: fromByteString(path) })
  } catch (error) {
    await context.fail(error)
  }
}
