// Applies the site to every host, so many at a time.
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { applyHost } from './apply-host.ts'
import type { Application } from './check-application.ts'
import { countHeld } from './holds.ts'
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

async function applyOne(
  host: Host,
  candidates: readonly Step[],
  reporter: Reporter,
  { mode, timeoutMs, signal }: ApplyOptions,
): Promise<void> {
  let planned = candidates
  const emit: Parameters<typeof applyHost>[2]['emit'] = (step, outcome) =>
    reporter.result(host.name, step, outcome)
  let held = 0
  /** What has to succeed before anything is applied. */
  const begin = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      if (signal.aborted) throw new ToolError('CANCELLED', { what: 'The run' })
      return await work()
    } catch (error) {
      const { message } = toToolError(error)
      for (const step of planned.slice(held))
        await emit(step, { result: 'skipped', ms: 0, diff: undefined, message })
      throw error
    }
  }
  try {
    const pass = async (from: number) => {
      for (const step of planned.slice(from, held)) await emit(step, alreadySo)
      return held > 0 && held === planned.length
    }
    if (planned.some(({ application }) => application.where)) {
      planned = await begin(async () => choose(planned, await host.open()))
      for (let left = candidates.length - planned.length; left > 0; left--) reporter.onResult()
    }
    const calls = planned.map(({ application }) => application.action.call)
    if (host.isHere && !signal.aborted) held = countHeld(calls)
    if (await pass(0)) return
    const connection = await begin(host.open)
    if (connection.evaluate) {
      const { countHeldThere } = await import('./held-there.ts')
      held = await countHeldThere(connection, calls)
      if (await pass(0)) return
    }
    await applyHost(connection, planned.slice(held), { host: host.name, mode, timeoutMs, signal, emit })
  } catch (error) {
    await reporter.error(host.name, toToolError(error))
  } finally {
    await host.close()
  }
}

/** Those whose facts hold: what is asked for costs one round trip at most. */
async function choose(steps: readonly Step[], connection: Connection): Promise<Step[]> {
  const { askFacts } = await import('@plumbline/common/connection/facts')
  const { meetsConditions, namesOf } = await import('@plumbline/common/records/facts')
  const names = new Set(steps.flatMap(({ application: { where } }) => (where ? namesOf(where) : [])))
  const facts = await askFacts(connection, [...names])
  return steps.filter(({ application: { where } }) => where === undefined || meetsConditions(facts, where))
}
