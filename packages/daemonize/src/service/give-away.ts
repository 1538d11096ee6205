// Gives what was just made to the service's user. Whoever owns a folder on the way may have put something else there.
import { chownSync, closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Identity } from '../config/settings.ts'
import { followOwnLinks } from './path-danger.ts'

/** Of Linux; Node has no name for it: what is there is held, and not opened. */
const O_PATH = 0o10000000

/** Throws an Error when it is not where it was made. What is neither an empty folder nor a socket stays as it is. */
export function giveAway(path: string, { account, gid }: Identity): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  const held = `/proc/self/fd/${fd}`
  try {
    const place = join(followOwnLinks(dirname(path)), basename(path))
    if (readlinkSync(held) !== place) throw new Error('its folder was changed meanwhile')
    const stat = fstatSync(fd)
    const isFolder = stat.isDirectory() && readdirSync(held).length === 0
    if (isFolder || (stat.isSocket() && stat.nlink === 1)) chownSync(held, account.uid, gid)
  } finally {
    closeSync(fd)
  }
}
