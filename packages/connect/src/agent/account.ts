// Accounts as the files of this root directory have them, then as getent(1) does. The C library is not asked: in a
// chroot it would load the modules there into this process.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Account = {
  user: string
  uid: number
  gid: number
  home: string
  shell: string
  groups: number[]
}

/** By name or by number. Throws ACCOUNT_UNKNOWN. */
export function findAccount(wanted: string | number): Account {
  const field = typeof wanted === 'number' ? 2 : 0
  const matches = (line: string) => line.split(':')[field] === String(wanted)
  const own = readLines('/etc/passwd').find(matches)
  const line = own ?? ask('getent', 'passwd', String(wanted)).split('\n').find(matches)
  if (line === undefined) throw new ToolError('ACCOUNT_UNKNOWN', { kind: 'user', name: wanted })
  const [user = '', , uid, gid, , home = '/', shell = ''] = line.split(':')
  const account = { user, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' }
  const groups =
    own === undefined ? ask('id', '-G', '--', user).split(/\s+/).filter(Boolean).map(Number) : groupsOf(user)
  return { ...account, groups: [...new Set([account.gid, ...groups])] }
}

function groupsOf(user: string): number[] {
  return readLines('/etc/group').flatMap((line) => {
    const [, , gid, members = ''] = line.split(':')
    return members.split(',').includes(user) ? [Number(gid)] : []
  })
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n')
  } catch {
    return []
  }
}

function ask(command: string, ...args: string[]): string {
  const { stdout, status } = spawnSync(command, args, {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return status === 0 ? stdout : ''
}
