// Processes as /proc tells of them (proc(5)). A process is known by its number, its start time and the boot: a
// number alone may be anyone's by now.
import { readFileSync, readdirSync } from 'node:fs'

export type ProcessStat = {
  pid: number
  parent: number
  session: number
  /** One letter; Z and X are no longer alive, T is stopped. */
  state: string
  /** Clock ticks since the boot. */
  start: number
}

/** Undefined when there is no such process, or only what is left of one (a zombie). */
export function readProcess(pid: number): ProcessStat | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat : undefined
  } catch {
    return undefined
  }
}

/** The command's name, in parentheses, may hold anything, parentheses too: fields are counted from the last one. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, , session] = fields
  const start = fields[19]
  if (start === undefined) return undefined
  return {
    pid: Number.parseInt(text),
    state,
    parent: Number(parent),
    session: Number(session),
    start: Number(start),
  }
}

/** That very process, if it still lives. */
export function findProcess({ pid, start }: { pid: number; start: number }): ProcessStat | undefined {
  const found = readProcess(pid)
  return found?.start === start ? found : undefined
}

export function listProcesses(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : []))
}

let boot: string | undefined

export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}
