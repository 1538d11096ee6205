// All properties of one host, in order: one run, and another for the rest when a step had to be cut off.
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { runProgram, type Outcome, type RunOptions, type Step } from './run-program.ts'

const none = { ms: 0, diff: undefined } as const

/**
 * A property that fails does not stop those after it, unless the mode says so. Throws what made the whole host
 * unusable, after every property has its outcome.
 */
export async function applyHost(
  connection: Connection,
  steps: readonly Step[],
  options: RunOptions,
): Promise<void> {
  let failed = false
  const emit = async (step: Step, outcome: Outcome) => {
    failed ||= outcome.result === 'failed'
    await options.emit(step, outcome)
  }
  const skip = async (rest: readonly Step[], message: string) => {
    for (const step of rest) await options.emit(step, { ...none, result: 'skipped', message })
  }
  for (let rest = steps; rest.length > 0;) {
    const { finished, interruption, ms } = await runProgram(connection, rest, { ...options, emit })
    rest = rest.slice(finished)
    if (options.mode.failFast && failed) return skip(rest, 'a property before it failed')
    if (!interruption) {
      if (rest.length === 0) return
      await skip(rest, 'the program ended without it')
      throw new ToolError('SH_FAILED', { host: options.host, reason: 'properties have no result' })
    }
    const { why, error, began } = interruption
    if (!began) {
      await skip(rest, error.message)
      throw error
    }
    const [stopped, ...after] = rest
    if (stopped) {
      await emit(stopped, { ...none, ms: Math.round(ms), result: 'failed', message: error.message })
    }
    if (why === 'lost' || why === 'cancelled' || why === 'strange') {
      await skip(after, error.message)
      throw error
    }
    if (options.mode.failFast) return skip(after, 'a property before it failed')
    rest = after
  }
}
