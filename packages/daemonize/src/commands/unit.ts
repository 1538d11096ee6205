// unit: the text of a unit or script for an init system, on standard output.
import { join } from 'node:path'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Settings } from '../config/settings.ts'
import { formatUnit, unitKinds } from '../init/units.ts'

export async function printUnit(
  { arguments: args, records }: Tool,
  settings: Settings | undefined,
): Promise<void> {
  const chosen = unitKinds.filter((kind) => args.flags.has(kind))
  const [kind = 'systemd', ...others] = chosen
  if (others.length > 0) throw new ToolError('USAGE', { reason: `Expected one of --${chosen.join(', --')}` })
  const program = [process.execPath, join(import.meta.dirname, '../bin/daemonize.cjs')]
  const text = formatUnit(kind, { program, service: settings })
  if (text === undefined) throw new ToolError('USAGE', { reason: `A unit for ${kind} needs a configuration` })
  await records.writeBytes(Buffer.from(text))
}
