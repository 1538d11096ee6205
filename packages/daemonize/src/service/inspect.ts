// What there is of a service right now: the records beside the pidfile, held against the kernel.
import type { ServiceState } from '@plumbline/common/records/service'
import type { Settings } from '../config/settings.ts'
import { cgroupMembers, findCgroups } from './cgroup.ts'
import { bootId, findProcess, readProcess, type ProcessStat } from './process.ts'
import { readPidfile, readState, type StateRecord } from './state.ts'

export type Seen = {
  state: ServiceState
  record: StateRecord | undefined
  main: ProcessStat | undefined
  keeper: ProcessStat | undefined
  /** Processes of the service without it. */
  left: number[]
  reason: string | null
  /** There is a pidfile or a state record, whatever it says. */
  traces: boolean
}

/** A start that has not finished: nothing of it counts, and whoever holds the lock next undoes it. */
export function inspectStarting({ state }: Settings): StateRecord | undefined {
  const found = readState(`${state}.new`)
  return 'value' in found && found.value.boot === bootId() ? found.value : undefined
}

/** A service as it will be once its start has finished; undefined when nobody starts it. */
export function inspectStarted(settings: Settings): Seen | undefined {
  const starting = inspectStarting(settings)
  return starting && { ...held(starting), traces: true }
}

export function inspectService(settings: Settings): Seen {
  const state = readState(settings.state)
  if ('value' in state && state.value.boot === bootId()) return { ...held(state.value), traces: true }
  const pidfile = readPidfile(settings.pidfile)
  const traces = !('absent' in state) || !('absent' in pidfile)
  const nothing = { record: undefined, main: undefined, keeper: undefined, left: [], traces }
  if ('value' in state) return { ...nothing, state: 'dead', reason: 'the machine was started anew since' }
  const unread = [state, pidfile].find((found) => 'bad' in found && found.hidden)
  if (unread && 'bad' in unread)
    return { ...nothing, state: 'unknown', reason: `what tells of it ${unread.hidden}: ${unread.bad}` }
  if ('bad' in state) return { ...nothing, state: 'dead', reason: `the state is unusable: ${state.bad}` }
  if ('bad' in pidfile)
    return { ...nothing, state: 'dead', reason: `the pidfile is unusable: ${pidfile.bad}` }
  if ('value' in pidfile) {
    const whose = readProcess(pidfile.value) ? 'another process' : 'a process that has ended'
    return { ...nothing, state: 'dead', reason: `the pidfile names ${pidfile.value}, ${whose}` }
  }
  const starting = inspectStarting(settings)
  if (starting && findProcess(starting)) {
    return { ...nothing, state: 'starting', main: findProcess(starting), record: starting, reason: null }
  }
  const strays = findCgroups(settings.name, settings.pidfile).flatMap(cgroupMembers)
  if (strays.length === 0) return { ...nothing, state: 'stopped', reason: null }
  return {
    ...nothing,
    state: 'dead',
    left: strays,
    reason: 'there are processes of it, and no record of them',
  }
}

function held(record: StateRecord): Omit<Seen, 'traces'> {
  const main = findProcess(record)
  const keeper = findProcess({ pid: record.keeper, start: record.keeper_start })
  if (main) {
    const unkept = record.keeper !== 0 && !keeper ? 'its keeper has ended' : null
    const reason = main.state === 'T' || main.state === 't' ? 'it is suspended' : unkept
    return { state: 'running', record, main, keeper, left: [], reason }
  }
  if (keeper)
    return {
      state: 'restarting',
      record,
      main,
      keeper,
      left: [],
      reason: 'its keeper is about to make it again',
    }
  const left = record.cgroup ? cgroupMembers(record.cgroup) : []
  const reason =
    left.length > 0 ? `process ${record.pid} has ended and left others` : `process ${record.pid} has ended`
  // In the foreground, where the process itself had become the service, nobody was there to remove the record.
  const isForeground = record.session === 0 && record.keeper === 0
  const state = isForeground && left.length === 0 ? 'stopped' : record.keeper !== 0 ? 'failed' : 'dead'
  return { state, record, main, keeper, left, reason }
}
