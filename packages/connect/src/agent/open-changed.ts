// A fresh agent that differs from the one beneath: how setuid, chroot.fork and setns are entered.
import { parseDurationOption } from '@plumbline/common/cli/duration'
import type { Change } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { HopContext, OpenedHop } from '../hop.ts'
import { keepaliveOption } from './hop-command.ts'
import { openAgent } from './open-agent.ts'

/** Throws AGENT_NEEDED, ROOT_NEEDED, and what openAgent() throws. */
export async function openChanged(context: HopContext, label: string, change: Change): Promise<OpenedHop> {
  const { lower, timeoutMs } = context
  const { fork } = lower.connection
  if (!fork) throw new ToolError('AGENT_NEEDED', { hop: label })
  if (lower.place.uid !== 0) throw new ToolError('ROOT_NEEDED', { hop: label, user: lower.place.user })
  const { values } = context.arguments
  const intervalMs = parseDurationOption(
    values['keepalive']?.[0] ?? keepaliveOption.keepalive.default,
    '--keepalive',
  )
  const more = (changes: readonly Change[]) => fork([change, ...changes])
  const opened = await openAgent(fork([change]), {
    hop: label,
    timeoutMs,
    intervalMs,
    bytes: undefined,
    fork: more,
  })
  return { ...opened, label }
}
