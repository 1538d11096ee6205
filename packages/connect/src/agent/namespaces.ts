// The command that enters the namespaces of a process: put before the one that is to run there.
import { existsSync, readlinkSync } from 'node:fs'
import type { Change } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'

/** nsenter(1)'s option for each namespace of /proc/PID/ns; that of mounts has been left before (detach.ts). */
const options = { user: '-U', uts: '-u', ipc: '-i', net: '-n', pid: '-p', cgroup: '-C' } as const

/** Throws HOP_FAILED, HOP_NEEDS. */
export function formatEnter({ pid, uid, gid }: Change & { change: 'setns' }): string[] {
  const chosen = Object.entries(options).flatMap(([name, option]) => (differs(pid, name) ? [option] : []))
  // What is to run there is reached through its descriptors (runtime.ts).
  if (!existsSync(`/proc/${pid}/root/proc/version`)) {
    const needs = 'a /proc in the root directory of that process'
    throw new ToolError('HOP_NEEDS', { hop: `setns:${pid}`, needs, hint: 'connect nsenter needs none' })
  }
  return ['nsenter', '-t', String(pid), ...chosen, '-m', '-r', '-S', String(uid), '-G', String(gid), '--']
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
