// A fresh agent that differs from the one beneath: how setuid, chroot.fork and setns are entered.
import type { Change } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { HopContext, Lower, OpenedHop } from '../hop.ts'
import { parseKeepalive } from './hop-command.ts'
import { openAgent } from './open-agent.ts'

/** An agent that can change what it starts. */
export function canChange({ connection, place }: Lower): boolean {
  return connection.fork !== undefined && place.uid === 0
}

const needs = (hop: string, what: string, hint: string) =>
  new ToolError('HOP_NEEDS', { hop, needs: what, hint })

/** Throws HOP_NEEDS, and what openAgent() throws. */
export async function openChanged(context: HopContext, label: string, change: Change): Promise<OpenedHop> {
  const { lower, timeoutMs } = context
  const { fork } = lower.connection
  if (!fork) throw needs(label, 'an agent beneath it', 'connect node')
  if (lower.place.uid !== 0) throw needs(label, 'an agent of root beneath it', 'connect sudo | connect node')
  const intervalMs = parseKeepalive(context.arguments)
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
