// Gives what was just made to the service's user. Whoever owns a folder on the way may have put something else there.
import { chownSync, fstatSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { holdName } from '@plumbline/common/process/hold-name'
import type { Identity } from '../config/settings.ts'
import { followOwnLinks } from './path-danger.ts'

/** Throws an Error when it is not where it was made. What is neither an empty folder nor a socket stays as it is. */
export function giveAway(path: string, { account, gid }: Identity): void {
  holdName(path, (fd, held) => {
    const place = join(followOwnLinks(dirname(path)), basename(path))
    if (readlinkSync(held) !== place) throw new Error('its folder was changed meanwhile')
    const stat = fstatSync(fd)
    const isFolder = stat.isDirectory() && readdirSync(held).length === 0
    if (isFolder || (stat.isSocket() && stat.nlink === 1)) chownSync(held, account.uid, gid)
  })
}
