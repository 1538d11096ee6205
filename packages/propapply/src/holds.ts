// What this process can see by itself of this machine: that a call would find its work done already. It answers yes
// only when that is certain; whatever needs a lookup, a command or a right that is missing is left to the shell, whose
// functions (shell/) decide. A cron job that finds nothing to do then starts no process at all.
import { lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs'
import type { Call } from './property.ts'

const permissionBits = 0o7777

/** The functions of the shell library that can be answered so; arguments as there. */
const answers: Readonly<Record<string, (args: readonly string[]) => boolean>> = {
  has_content: ([path = '', length, , mode = '', user = '', group = '', , content = '']) => {
    const stat = statSync(path)
    if (!stat.isFile() || stat.size !== Number(length) || !hasAccess(stat, mode, user, group)) return false
    return readFileSync(path).equals(Buffer.from(content))
  },
  directory_exists: ([path = '', , mode = '', user = '', group = '']) => {
    const stat = statSync(path)
    return stat.isDirectory() && hasAccess(stat, mode, user, group)
  },
  directory_does_not_exist: ([path = '']) => isMissing(path),
  does_not_exist: ([path = '']) => isMissing(path),
  empty_directory_does_not_exist: ([path = '']) => isMissing(path),
  symlinked: ([path = '', target]) => readlinkSync(path) === target,
  not_symlinked: ([path = '']) => isMissing(path),
  has_mode: ([path = '', , mode = '']) => hasAccess(statSync(path), mode, '', ''),
  has_ownership: ([path = '', user = '', group = '']) => hasAccess(lstatSync(path), '', user, group),
  single: ([, creates = '']) => creates !== '' && lstatSync(creates) !== undefined,
}

/** Certainly nothing to do; false when it is not certain. */
export function holds([name, ...args]: Call): boolean {
  try {
    return answers[name]?.(args) ?? false
  } catch {
    // Missing, or out of sight.
    return false
  }
}

function isMissing(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}

/** `mode` in octal, `user` and `group` as numbers; "" is as it may be. A name would have to be looked up. */
function hasAccess(stat: Stats, mode: string, user: string, group: string): boolean {
  if (mode && (stat.mode & permissionBits) !== Number.parseInt(mode, 8)) return false
  return (!user || user === String(stat.uid)) && (!group || group === String(stat.gid))
}
