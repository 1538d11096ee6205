// Users and groups by name or number: /etc/passwd and /etc/group, else whatever getent(1) asks (LDAP and the like).
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Account = { name: string; uid: number; gid: number; home: string; shell: string }

type Database = 'passwd' | 'group'

/** The fields of the line whose name or number is `key`. */
function lookUp(database: Database, key: string, ask: boolean): string[] | undefined {
  const matches = (line: string) => {
    const fields = line.split(':')
    return fields[0] === key || (/^\d+$/.test(key) && fields[2] === key)
  }
  const line = readFileSync(`/etc/${database}`, 'utf8').split('\n').find(matches)
  if (line !== undefined || !ask) return line?.split(':')
  // Loaded for the few who have accounts elsewhere.
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const { stdout } = spawnSync('getent', [database, key], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  })
  return stdout ? stdout.trim().split(':') : undefined
}

/** `ask`: not only this machine's own accounts. */
export function findAccount(key: string, { ask = false } = {}): Account | undefined {
  const [name = '', , uid, gid, , home = '', shell = ''] = lookUp('passwd', key, ask) ?? []
  if (uid === undefined) return undefined
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' }
}

/** Throws ACCOUNT_UNKNOWN. */
export function requireAccount(key: string): Account {
  const account = findAccount(key, { ask: true })
  if (!account) throw new ToolError('ACCOUNT_UNKNOWN', { kind: 'user', name: key })
  return account
}

/** Throws ACCOUNT_UNKNOWN. */
export function requireGroup(key: string): number {
  const gid = lookUp('group', key, true)?.[2]
  if (gid === undefined) throw new ToolError('ACCOUNT_UNKNOWN', { kind: 'group', name: key })
  return Number(gid)
}

/** The groups that the user is a member of, as initgroups(3) finds them. */
export function memberGroups(account: Account): number[] {
  const lines = readFileSync('/etc/group', 'utf8').split('\n')
  const found = lines.flatMap((line) => {
    const [, , gid, members = ''] = line.split(':')
    return gid !== undefined && members.split(',').includes(account.name) ? [Number(gid)] : []
  })
  return [...new Set([account.gid, ...found])]
}
