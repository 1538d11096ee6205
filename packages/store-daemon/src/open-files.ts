// The limit of open files (ulimit -n), and what can be done within it.
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'

/** Where the kernel's word is not to be had. */
const usualLimit = '1024'
/** The store itself and two threads have 36, and the few connections that there then may be need as many again. */
const needed = 64
const fewConnections = 8

/** Throws STORE_CONFIG where clients would only be told that there are too few. */
export function requireOpenFiles(): void {
  const limit = readLimit()
  if (limit >= needed) return
  throw new ToolError('STORE_CONFIG', {
    reason: `Cannot work with ${limit} open files: at least ${needed} are needed (ulimit -n)`,
  })
}

/** Each may have a file open besides itself; beyond that, none could be opened for those who are connected. */
export function maxConnections(): number {
  return Math.max(fewConnections, Math.floor((readLimit() - needed) / 2))
}

function readLimit(): number {
  const [, soft = usualLimit] = /^Max open files\s+(\S+)/m.exec(readLimits()) ?? []
  return soft === 'unlimited' ? Infinity : Number(soft)
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1')
  } catch {
    // A chroot may have no /proc.
    return ''
  }
}
