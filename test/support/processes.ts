// The processes beneath one, whatever session they have moved to, and whether they are still there.
import { readFileSync, readdirSync } from 'node:fs'

export type Process = { pid: number; parent: number; start: string; command: string; state: string }

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state = '', parent = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
    return { pid, parent: Number(parent), start: rest[17] ?? '', command, state }
  } catch {
    return undefined
  }
}

/** All below `root`, it included, parents first. */
export function findProcesses(root: number): Process[] {
  const all = readdirSync('/proc').flatMap((name) => {
    const found = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined
    return found ? [found] : []
  })
  const chosen = all.filter(({ pid }) => pid === root)
  for (const each of chosen) chosen.push(...all.filter(({ parent }) => parent === each.pid))
  return chosen
}

/** Another process that has got its number since is not it; nor is one that only waits to be reaped. */
export function isAlive({ pid, start }: Process): boolean {
  const now = readProcess(pid)
  return now !== undefined && now.start === start && !/[ZX]/.test(now.state)
}

/** The most memory that it ever had, in bytes. */
export function peakMemory({ pid }: Process): number {
  try {
    const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kilobytes) * 1024
  } catch {
    return 0
  }
}
