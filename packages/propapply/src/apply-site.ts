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
import type { Outcome, Step } from './run-program.ts'

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
  let left = candidates
  const emit = (step: Step, outcome: Outcome) => reporter.result(host.name, step, outcome)
  const open = () => {
    if (signal.aborted) throw new ToolError('CANCELLED', { what: 'The run' })
    return host.open()
  }
  /** The first so many have nothing to do. Whether that is all there was. */
  const pass = async (held: number): Promise<boolean> => {
    for (const step of left.slice(0, held)) await emit(step, alreadySo)
    left = left.slice(held)
    return held > 0 && left.length === 0
  }
  /** Finds what is left to do, and the connection to do it over; none when nothing is. */
  const prepare = async (): Promise<Connection | undefined> => {
    if (left.some(({ application }) => application.where)) {
      left = await choose(left, await open())
      for (let out = candidates.length - left.length; out > 0; out--) reporter.onResult()
    }
    if (host.isHere && !signal.aborted && (await pass(countHeld(callsOf(left))))) return undefined
    const connection = await open()
    if (!connection.evaluate) return connection
    const { countHeldThere } = await import('./held-there.ts')
    return (await pass(await countHeldThere(connection, callsOf(left)))) ? undefined : connection
  }
  try {
    const connection = await prepare().catch(async (error: unknown) => {
      const skipped = { ...alreadySo, result: 'skipped', message: toToolError(error).message } as const
      for (const step of left) await emit(step, skipped)
      throw error
    })
    if (connection) await applyHost(connection, left, { host: host.name, mode, timeoutMs, signal, emit })
  } catch (error) {
    await reporter.error(host.name, toToolError(error))
  } finally {
    await host.close()
  }
}

const callsOf = (steps: readonly Step[]) => steps.map(({ application }) => application.action.call)

/** Those whose facts hold: what is asked for costs one round trip at most. */
async function choose(steps: readonly Step[], connection: Connection): Promise<Step[]> {
  const { askFacts } = await import('@plumbline/common/connection/facts')
  const { meetsConditions, namesOf } = await import('@plumbline/common/records/facts')
  const names = new Set(steps.flatMap(({ application: { where } }) => (where ? namesOf(where) : [])))
  const facts = await askFacts(connection, [...names])
  return steps.filter(({ application: { where } }) => where === undefined || meetsConditions(facts, where))
}
