// Users of this machine that exist for a test, and what sudo lets them do. Needs root.
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Scratch } from './scratch.ts'
import { until } from './until.ts'

export type UserOptions = { shell?: string; password?: string; sudoers?: string; home?: 'missing' }

/** userdel(8): a process of the user is there, such as one that ends what a connection has left. */
const isBusy = 8

let count = 0

/** Returns the user's name. `sudoers` lines have USER replaced by it. */
export function makeUser(
  scratch: Scratch,
  { shell = '/bin/sh', password, sudoers, home }: UserOptions = {},
): string {
  const name = `plt${process.pid}x${count++}`
  execFileSync('useradd', [home === 'missing' ? '-M' : '-m', '-s', shell, name], { stdio: 'pipe' })
  const remove = home === 'missing' ? [name] : ['-r', name]
  scratch.onEnd(async () => {
    await until(() => spawnSync('userdel', remove).status !== isBusy)
    expect(spawnSync('id', [name]).status).not.toBe(0)
  })
  // "*" is a password that nothing matches, but unlike "!" it does not lock the account for sshd.
  const hash = password === undefined ? '*' : undefined
  if (hash) execFileSync('usermod', ['-p', hash, name])
  else execFileSync('chpasswd', { input: `${name}:${password}` })
  if (sudoers) {
    const file = `/etc/sudoers.d/${name}`
    writeFileSync(file, `${sudoers.replaceAll('USER', name)}\n`, { mode: 0o440 })
    execFileSync('visudo', ['-cf', file], { stdio: 'pipe' })
    scratch.onEnd(() => rmSync(file))
  }
  return name
}
