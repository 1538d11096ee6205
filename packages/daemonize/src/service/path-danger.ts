// Whether others than root and the caller could put something else in the place of a folder.
import { realpathSync, statSync } from 'node:fs'
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
