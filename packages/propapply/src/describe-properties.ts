// --list and --explain: the catalogue for people, and as records.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { isTerminal } from '@plumbline/common/cli/terminal'
import { suggestName } from '@plumbline/common/cli/suggest-name'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { describeField } from './describe-field.ts'
import { properties } from './properties.ts'
import type { Property } from './property.ts'

/** Records, or lines when a person reads. */
export async function listProperties(tool: Tool): Promise<number> {
  const width = Math.max(...[...properties.keys()].map((name) => name.length))
  for (const { name, summary, fields, canUnapply } of properties.values()) {
    if (isTerminal(1)) await tool.records.writeBytes(Buffer.from(`${name.padEnd(width)}  ${summary}\n`))
    else {
      const names = Object.keys(fields)
      await tool.records.write({
        type: 'property-kind',
        property: name,
        summary,
        fields: names,
        unapply: canUnapply,
      })
    }
  }
  return exitStatus.ok
}

/** Throws PROPERTY_UNKNOWN. */
export async function explainProperty(tool: Tool, name: string): Promise<number> {
  const property = properties.get(name)
  if (!property) {
    throw new ToolError('PROPERTY_UNKNOWN', { name, hint: suggestName(name, [...properties.keys()]) })
  }
  await tool.records.writeBytes(Buffer.from(formatProperty(property)))
  return exitStatus.ok
}

function formatProperty({ name, summary, fields, notes, example, canUnapply }: Property): string {
  const width = Math.max(...Object.keys(fields).map((field) => field.length))
  return [
    `${name}: ${summary}`,
    '',
    'Fields:',
    ...Object.entries(fields).map(([field, schema]) => `  ${field.padEnd(width)}  ${describeField(schema)}`),
    `  Besides, as every property: host (only there), where (only where these facts hold), desc, timeout${canUnapply ? '' : '. It cannot be unapplied'}.`,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
    'Example:',
    `  ${JSON.stringify({ property: name, ...example })}`,
    '',
  ].join('\n')
}
