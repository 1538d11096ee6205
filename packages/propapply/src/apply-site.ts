// Applies the site to every host, so many at a time.
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { applyHost } from './apply-host.ts'
import type { Application } from './check-application.ts'
import { holds } from './holds.ts'
import type { Host } from './hosts.ts'
import type { Mode } from './program.ts'
import type { Reporter } from './report/reporter.ts'
import type { Step } from './run-program.ts'

export type ApplyOptions = { mode: Mode; jobs: number; timeoutMs: number; signal: AbortSignal }

const alreadySo = { result: 'ok', ms: 0, diff: undefined, message: undefined } as const

/** The steps of one host, in the order of the site. */
export function planHost(host: string, applications: readonly Application[]): Step[] {
  return applications
    .filter((application) => application.host === undefined || application.host === host)
    .map((application, index) => ({ number: index + 1, application }))
}

/** A host that fails leaves the others to go on. */
export async function applySite(
  hosts: readonly Host[],
  applications: readonly Application[],
  reporter: Reporter,
  options: ApplyOptions,
): Promise<void> {
  const waiting = [...hosts]
  const work = async () => {
    for (let host = waiting.shift(); host; host = waiting.shift()) {
      await applyOne(host, planHost(host.name, applications), reporter, options)
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.jobs, hosts.length) }, work))
}

/** How many steps at the beginning have nothing to do; those after the first that may have can depend on it. */
function countHeld(steps: readonly Step[]): number {
  const first = steps.findIndex(({ application }) => !holds(application.action.call))
  return first < 0 ? steps.length : first
}

async function applyOne(
  host: Host,
  planned: readonly Step[],
  reporter: Reporter,
  { mode, timeoutMs, signal }: ApplyOptions,
): Promise<void> {
  const emit: Parameters<typeof applyHost>[2]['emit'] = (step, outcome) =>
    reporter.result(host.name, step, outcome)
  const held = host.isHere && !signal.aborted ? countHeld(planned) : 0
  const steps = planned.slice(held)
  const open = async () => {
    try {
      if (signal.aborted) throw new ToolError('CANCELLED', { what: 'The run' })
      return await host.open()
    } catch (error) {
      const { message } = toToolError(error)
      for (const step of steps) await emit(step, { result: 'skipped', ms: 0, diff: undefined, message })
      throw error
    }
  }
  try {
    for (const step of planned.slice(0, held)) await emit(step, alreadySo)
    if (held > 0 && steps.length === 0) return
    const connection = await open()
    await applyHost(connection, steps, { host: host.name, mode, timeoutMs, signal, emit })
  } catch (error) {
    await reporter.error(host.name, toToolError(error))
  } finally {
    await host.close()
  }
}
