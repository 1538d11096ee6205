// Whether others than root and the caller could put something else in the place of a folder.
import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Why they could: they own it or one above it, or may write one that is not sticky. Undefined when they cannot. */
export function findPathDanger(folder: string): string | undefined {
  const caller = process.geteuid?.() ?? 0
  for (let each = realpathSync(folder); ; each = dirname(each)) {
    const { uid, mode } = statSync(each)
    const sticky = (mode & 0o1000) !== 0
    if (uid !== 0 && uid !== caller) return `folder "${each}" belongs to user ${uid}`
    if (mode & 0o022 && !sticky) return `others may write folder "${each}"`
    if (each === '/') return undefined
  }
}

const maxLinks = 40

/**
 * Where a folder is, by links of root's and the caller's alone: whoever owns a folder on the way could have put a link
 * in it that leads to one of root's. Throws an Error that names such a link, or what lstat(2) does.
 */
export function followOwnLinks(folder: string): string {
  const caller = process.geteuid?.() ?? 0
  const rest = folder.split('/')
  let [at, links] = ['', 0]
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '' || name === '.') continue
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')))
      continue
    }
    const next = `${at}/${name}`
    const stat = lstatSync(next)
    if (!stat.isSymbolicLink()) {
      at = next
      continue
    }
    if (stat.uid !== 0 && stat.uid !== caller) throw new Error(`link "${next}" belongs to user ${stat.uid}`)
    if (++links > maxLinks) throw new Error('too many links')
    const target = readlinkSync(next)
    if (target.startsWith('/')) at = ''
    rest.unshift(...target.split('/'))
  }
  return at === '' ? '/' : at
}
