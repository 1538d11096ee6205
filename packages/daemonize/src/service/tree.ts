// All processes of an incarnation: its cgroup where it has one; else its session, its descendants, and whoever
// carries its INVOCATION_ID in the environment (which survives double forks and new sessions).
import { readFileSync } from 'node:fs'
import { cgroupMembers } from './cgroup.ts'
import { findProcess, listProcesses, type ProcessStat } from './process.ts'
import type { Incarnation } from './state.ts'

export const incarnationVariable = 'INVOCATION_ID'

export function findMembers(record: Incarnation): ProcessStat[] {
  const all = listProcesses()
  const tag = `${incarnationVariable}=${record.id}`
  const members = new Set(record.cgroup ? cgroupMembers(record.cgroup) : [])
  for (const { pid } of all) if (!members.has(pid) && carries(pid, tag)) members.add(pid)
  const main = findProcess(record)
  // While the main process lives, its session's number and its own cannot be anyone else's: but it may have left it.
  if (main) {
    members.add(record.pid)
    for (const { pid, session } of all)
      if (session !== 0 && session === record.session && session === main.session) members.add(pid)
    addDescendants(all, members)
  }
  members.delete(process.pid)
  members.delete(record.keeper)
  return all.filter(({ pid }) => pid !== 1 && members.has(pid))
}

function addDescendants(all: readonly ProcessStat[], members: Set<number>): void {
  for (let before = -1; before !== members.size;) {
    before = members.size
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid)
  }
}

function carries(pid: number, tag: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(tag)
  } catch {
    // Another user's, or gone.
    return false
  }
}
