// The command that enters the namespaces of a process: put before the one that is to run there.
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import type { Change } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'

/** nsenter(1)'s option for each namespace of /proc/PID/ns; that of mounts has been left before (detach.ts). */
const options = { user: '-U', uts: '-u', ipc: '-i', net: '-n', pid: '-p', cgroup: '-C' } as const

/** Throws HOP_FAILED, HOP_NEEDS. */
export function formatEnter({ pid, uid, gid, key }: Change & { change: 'setns' }): string[] {
  const chosen = Object.entries(options).flatMap(([name, option]) => (differs(pid, name) ? [option] : []))
  checkSame(pid, key)
  // What is to run there is reached through its descriptors (runtime.ts).
  if (!existsSync(`/proc/${pid}/root/proc/version`)) {
    const needs = 'a /proc in the root directory of that process'
    throw new ToolError('HOP_NEEDS', { hop: `setns:${pid}`, needs, hint: 'connect nsenter needs none' })
  }
  return ['nsenter', '-t', String(pid), ...chosen, '-m', '-r', '-S', String(uid), '-G', String(gid), '--']
}

/** When the process of each key started: proc(5), field 22 of stat. */
const started = new Map<string, string | undefined>()

/** What is built on a connection must not lead into another process that has got the pid of one that has gone. */
function checkSame(pid: number, key: string | undefined): void {
  if (key === undefined) return
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const start = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[19]
  if (started.has(key) && started.get(key) !== start) {
    throw new ToolError('HOP_FAILED', { hop: `setns:${pid}`, reason: `process ${pid} has ended` })
  }
  started.set(key, start)
}

/** A process cannot enter a user namespace that it is in, nor need it enter the others. */
function differs(pid: number, name: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`)
  } catch (cause) {
    if (name === 'cgroup') return false
    const reason = `there is no process ${pid} to be seen`
    throw new ToolError('HOP_FAILED', { hop: `setns:${pid}`, reason }, { cause })
  }
}
