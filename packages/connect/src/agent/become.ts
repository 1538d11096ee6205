// What a fresh agent does to itself before it serves, and where it then is.
import { isAbsolute } from 'node:path/posix'
import type { Change, Place } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { findAccount, type Account } from './account.ts'
import { askForRoot } from './root-changer.ts'

export type Arrival = { place: Place; environment: NodeJS.ProcessEnv }

/** Root directories and users, in order; namespaces were entered on the way here. Throws HOP_FAILED. */
export function becomeChanged(changes: readonly Change[], environment: NodeJS.ProcessEnv): Arrival {
  let account: Account | undefined
  for (const change of changes) {
    if (change.change === 'chroot') askForRoot(change.directory)
    if (change.change === 'setuid') account = becomeUser(change.user)
  }
  account ??= findOwn()
  const { user, uid, home, shell } = account
  const place = { user, uid, home: isAbsolute(home) ? home : '/' }
  return { place, environment: makeEnvironment(environment, { ...place, shell }) }
}

/** For good: the saved ids change with the effective ones, and no group of the parent's is left. */
function becomeUser(name: string): Account {
  const hop = `setuid:${name}`
  const account = findUser(name)
  try {
    process.setgroups?.(account.groups)
    process.setgid?.(account.gid)
    process.setuid?.(account.uid)
  } catch (cause) {
    throw new ToolError('HOP_FAILED', { hop, reason: reasonOf(cause) }, { cause })
  }
  if (process.getuid?.() !== account.uid || process.geteuid?.() !== account.uid) {
    throw new ToolError('HOP_FAILED', { hop, reason: 'the user is the same as before' })
  }
  return account
}

/** A number needs no account. */
function findUser(name: string): Account {
  try {
    return findAccount(name)
  } catch (error) {
    if (!/^\d{1,10}$/.test(name)) throw error
    return findNumber(Number(name), Number(name))
  }
}

/** A root directory may have no accounts at all. */
function findOwn(): Account {
  const uid = process.getuid?.() ?? 0
  return findNumber(uid, process.getgid?.() ?? uid)
}

function findNumber(uid: number, gid: number): Account {
  try {
    return findAccount(uid)
  } catch {
    const [user, home] = uid === 0 ? ['root', '/root'] : [String(uid), '/']
    return { user, uid, gid, home, shell: '/bin/sh', groups: [gid] }
  }
}

const kept = ['LANG', 'LANGUAGE', 'TZ', 'TERM']

/** Nothing of the parent's environment but language, time zone and terminal. */
function makeEnvironment(from: NodeJS.ProcessEnv, { user, uid, home, shell }: Place & { shell: string }) {
  const path =
    uid === 0
      ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
      : '/usr/local/bin:/usr/bin:/bin'
  const passed = Object.entries(from).filter(([name]) => kept.includes(name) || name.startsWith('LC_'))
  return { PATH: path, ...Object.fromEntries(passed), HOME: home, USER: user, LOGNAME: user, SHELL: shell }
}
