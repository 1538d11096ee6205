// The users that builds run as: members of a group, each for one build at a time, told apart by locks on
// `userpool/UID` that other daemons on the same state see too.
import { closeSync, openSync, readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { findUser } from '../operations/user-profile.ts'
import { gidOf } from '../store/layout.ts'
import type { SandboxUser } from './sandbox-request.ts'

export type BuildUser = SandboxUser & { release: () => void }

/** Closing any descriptor of a file drops this process's lock on it: nobody here may open one that is in use. */
const inUse = new Set<string>()

/** The first of the group's members that nobody builds as. Throws STORE_FAILED, STORE_CONFIG. */
export function takeBuildUser(state: string, group: string): BuildUser {
  const gid = gidOf(group)
  for (const name of membersOf(group)) {
    const user = findUser(name)
    if (!user) throw failed(`the user \`${name}' in the group \`${group}' does not exist`)
    if (user.uid === 0) throw failed(`the user \`${name}' in the group \`${group}' must not be root`)
    const release = tryLock(`${state}/userpool/${user.uid}`)
    if (release) return { uid: user.uid, gid, groups: groupsOf(name, gid), release }
  }
  throw failed(
    `all build users are currently in use; consider creating additional users and adding them to the \`${group}' group`,
  )
}

function tryLock(file: string): (() => void) | undefined {
  if (inUse.has(file)) return undefined
  const fd = openSync(file, 'a+', 0o600)
  if (native().recordLock(fd, recordLockType.exclusive) === 0) {
    closeSync(fd)
    return undefined
  }
  inUse.add(file)
  return () => {
    inUse.delete(file)
    closeSync(fd)
  }
}

function membersOf(group: string): string[] {
  const members = readGroups().find(({ name }) => name === group)?.members ?? []
  if (members.length === 0) throw failed(`the build users group \`${group}' has no members`)
  return members
}

/** Of which the user is a member, its build group left out. */
function groupsOf(user: string, gid: number): number[] {
  return readGroups().flatMap((group) =>
    group.gid !== gid && group.members.includes(user) ? [group.gid] : [],
  )
}

function readGroups() {
  return readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , gid, members = '']) => ({
      name,
      gid: Number(gid),
      members: members.split(',').filter((member) => member !== ''),
    }))
}

function failed(reason: string): ToolError {
  return new ToolError('STORE_FAILED', { reason })
}
