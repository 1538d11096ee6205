// What a process can see by itself of the machine it runs on, this one or an agent's: that a call would find its work
// done already. It answers yes only when that is certain; whatever needs a lookup, a command or a right that is missing
// is left to the shell, whose functions (shell/) decide. A cron job that finds nothing to do then starts no process.
import { isUtf8 } from 'node:buffer'
import { lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs'
import { findNumber } from './account-numbers.ts'
import type { Call } from './property.ts'

const permissionBits = 0o7777
/** Nothing else is done meanwhile. */
const largestHashed = 64 * 1024 * 1024

/** The functions of the shell library that can be answered so; arguments as there. */
const answers: Readonly<Record<string, (args: readonly string[]) => boolean>> = {
  has_content: ([path = '', length, , mode = '', user = '', group = '', , content = '']) => {
    const stat = statSync(path)
    if (!stat.isFile() || stat.size !== Number(length) || !hasAccess(stat, mode, user, group)) return false
    return readFileSync(path).equals(Buffer.from(content))
  },
  uploaded: ([path = '', length, sha256, , , mode = '', user = '', group = '']) => {
    const stat = statSync(path)
    if (!stat.isFile() || stat.size !== Number(length) || !hasAccess(stat, mode, user, group)) return false
    return stat.size <= largestHashed && computeSha256(path) === sha256
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
  contains_lines: ([path = '', ...lines]) => {
    const held = readLines(path)
    return held !== undefined && lines.every((line) => held.has(line))
  },
  lacks_lines: ([path = '', ...lines]) => {
    if (isMissing(path)) return true
    const held = readLines(path)
    return held !== undefined && !lines.some((line) => held.has(line))
  },
  single: ([, creates = '']) => creates !== '' && lstatSync(creates) !== undefined,
}

/** How many at the beginning have nothing to do; those after the first that may have can depend on it. */
export function countHeld(calls: readonly Call[]): number {
  const first = calls.findIndex((call) => !holds(call))
  return first < 0 ? calls.length : first
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

function computeSha256(path: string): string {
  // Few sites need it, and it takes longer to load than the rest of a small run.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** The lines of a text file, byte by byte, without their ends; undefined for what is none. */
function readLines(path: string): Set<string> | undefined {
  const bytes = statSync(path).isFile() ? readFileSync(path) : undefined
  if (!bytes || bytes.includes(0) || !isUtf8(bytes)) return undefined
  const lines = bytes.toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return new Set(lines.map((line) => line.replace(/\r$/, '')))
}

/** `mode` in octal, `user` and `group` as names or numbers; "" is as it may be. */
function hasAccess(stat: Stats, mode: string, user: string, group: string): boolean {
  if (mode && (stat.mode & permissionBits) !== Number.parseInt(mode, 8)) return false
  const isOwned = !user || findNumber('passwd', user) === String(stat.uid)
  return isOwned && (!group || findNumber('group', group) === String(stat.gid))
}
