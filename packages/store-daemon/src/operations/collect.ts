// Collects garbage, or says what is dead or alive.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { CollectAction, Link } from '../gc/collect-job.ts'
import { collectGarbage } from '../gc/collector.ts'
import type { Session } from '../session.ts'

export type Collect = {
  action: CollectAction
  paths: readonly string[]
  ignoreLiveness: boolean
  maxFreed: number
  keepDeadMs: number
}

export type CollectAnswer = { paths: string[]; bytesFreed: number; chain: Link[] | undefined }

/** Throws STORE_REFUSED, STORE_FAILED. */
export async function collect(session: Session, request: Collect): Promise<CollectAnswer> {
  const { action, paths, ignoreLiveness, maxFreed, keepDeadMs } = request
  if (ignoreLiveness)
    throw new ToolError('STORE_REFUSED', { reason: 'you are not allowed to ignore liveness' })
  const isQuery = action === 'live' || action === 'dead' || action === 'why'
  if (maxFreed <= 0 && action !== 'specific') return { paths: [], bytesFreed: 0, chain: undefined }
  const result = await collectGarbage(session.store, {
    action,
    paths,
    maxFreed: action === 'specific' || isQuery ? Infinity : maxFreed,
    settings: { keepDerivations: session.options.keepDerivations, keepOutputs: session.options.keepOutputs },
    keepDeadMs,
    own: session.roots,
    log: session.log,
    signal: session.signal,
  })
  if (result.stillAlive !== undefined) {
    throw new ToolError('STORE_FAILED', {
      reason: `cannot delete path \`${result.stillAlive}' since it is still alive`,
    })
  }
  const answer = isQuery ? result.paths : result.removed.sort()
  return { paths: answer, bytesFreed: result.bytesFreed, chain: result.chain }
}
