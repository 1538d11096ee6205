// Ends an incarnation: asks, waits, insists, and says what would not go.
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf } from '@plumbline/common/error/translate'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { cgroupMembers, findCgroups, killCgroup, removeCgroup } from './cgroup.ts'
import { ProcessHandle } from './handle.ts'
import { findProcess, readProcess, type ProcessStat } from './process.ts'
import { pause } from './pause.ts'
import { SIGCONT, SIGKILL, SIGTERM, SIGUSR2 } from './signals.ts'
import type { Incarnation, StateRecord } from './state.ts'
import { findMembers } from './tree.ts'

/** What a killed process may take to be gone; one that takes longer hangs in the kernel. */
const killMs = 5000
/** For the keeper to write its last lines, besides the time that the service has. */
const keeperMs = 2000

export type Ending = {
  name: string
  action: string
  /** The polite signal; undefined to kill at once. */
  signal: number | undefined
  timeout: number
}

export type Ended = { /** It had to be killed. */ forced: boolean; left: number[] }

/** Throws SERVICE_FORBIDDEN. */
export async function endIncarnation(record: Incarnation, ending: Ending): Promise<Ended> {
  try {
    // Who belongs to it can be told best while it lives.
    const before = findMembers(record)
    const keeper = { pid: record.keeper, start: record.keeper_start }
    // The keeper would make it again: it goes first, or rather it does the work.
    let forced = ending.signal === undefined
    if (record.keeper !== 0 && ending.signal !== undefined) {
      const began = monotonicMs()
      forced = !(await endProcess(
        keeper,
        ending.signal === SIGUSR2 ? SIGUSR2 : SIGTERM,
        ending.timeout + keeperMs,
        ending.timeout || 1,
      ))
      // It does not tell whether it had to kill, but that is what it does when the time is up.
      forced ||= monotonicMs() - began >= ending.timeout
    } else if (record.keeper !== 0) {
      await endProcess(keeper, undefined, 0)
    }
    if (findProcess(record)) {
      const polite = await endProcess(record, ending.signal, ending.timeout)
      forced ||= !polite
    }
    const left = await killMembers(record, before)
    if (left.length === 0 && record.cgroup) removeCgroup(record.cgroup)
    return { forced, left }
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    const { name, action } = ending
    throw new ToolError(
      'SERVICE_FORBIDDEN',
      { action, name, reason: 'it belongs to another user' },
      { cause: error },
    )
  }
}

/** Whoever was to end those whose sockets it took may have been killed meanwhile. Who would not end; throws as above. */
export async function endPredecessor({ old }: StateRecord, ending: Ending): Promise<number[]> {
  if (!old) return []
  const keeper = { pid: old.keeper, start: old.keeper_start }
  if (!findProcess(old) && !findProcess(keeper)) return []
  return (await endIncarnation({ ...old, id: old.was }, ending)).left
}

/** True when it went by itself. A process that is suspended is let go on, to hear the signal. */
async function endProcess(
  process: { pid: number; start: number },
  signal: number | undefined,
  timeout: number,
  value = 0,
): Promise<boolean> {
  const handle = ProcessHandle.open(process)
  if (!handle) return true
  try {
    if (signal !== undefined) {
      handle.signal(signal, value)
      handle.signal(SIGCONT)
      if (await handle.ended(timeout)) return true
    }
    handle.signal(SIGKILL)
    await handle.ended(killMs)
    return false
  } finally {
    handle.close()
  }
}

/** Kills until nobody is left to fork; the numbers of those who would not end. */
async function killMembers(record: Incarnation, before: readonly ProcessStat[]): Promise<number[]> {
  const until = monotonicMs() + killMs
  const known = new Map(before.map((one) => [one.pid, one]))
  for (;;) {
    for (const one of findMembers(record)) known.set(one.pid, one)
    const alive = [...known.values()].filter(findProcess)
    if (alive.length === 0) return []
    if (monotonicMs() > until) return alive.map(({ pid }) => pid)
    // Not by the cgroup when the caller itself is in it: a service may restart itself.
    const { cgroup } = record
    const whole = cgroup !== null && !cgroupMembers(cgroup).includes(process.pid) && killCgroup(cgroup)
    for (const one of alive) if (!whole || !cgroupMembers(cgroup).includes(one.pid)) killOne(one)
    await pause(2)
  }
}

/**
 * Ends what no record tells of: its folder was swept, or somebody wrote into the files. Only cgroups know it then.
 * The numbers of those who would not end.
 */
export async function endStrays(name: string, pidfile: string, spared: string | null): Promise<number[]> {
  const until = monotonicMs() + killMs
  for (;;) {
    const folders = findCgroups(name, pidfile).filter((folder) => folder !== spared)
    const alive = folders.flatMap(cgroupMembers).filter((pid) => pid !== process.pid && readProcess(pid))
    if (alive.length === 0) folders.forEach(removeCgroup)
    if (alive.length === 0 || monotonicMs() > until) return alive
    for (const pid of alive) {
      const one = readProcess(pid)
      if (one) killOne(one)
    }
    await pause(2)
  }
}

function killOne(one: ProcessStat): void {
  const handle = ProcessHandle.open(one)
  handle?.signal(SIGKILL)
  handle?.close()
}
