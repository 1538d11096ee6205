// Whether the kernel would set the limits (setrlimit(2)): what this machine takes at all, and what it takes of the caller.
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { limitNames } from '../config/config.ts'
import type { Settings } from '../config/settings.ts'

/** CAP_SYS_RESOURCE: limits may be raised. */
const sysResource = 24n

/** `isStarter`: it is the caller who would start the service. Throws CONFIG_INVALID. */
export function checkLimits({ config, conf }: Settings, isStarter: boolean): void {
  const limits = Object.entries(config.limits ?? {})
  if (limits.length === 0) return
  const own = isStarter && !mayRaise() ? hardLimits() : undefined
  const most = Number(readFileSync('/proc/sys/fs/nr_open', 'latin1'))
  for (const [name, limit] of limits) {
    const hard = toNumber(Array.isArray(limit) ? limit[1] : limit)
    const refuse = (max: number, whose: string) => {
      const reason = `"limits.${name}": ${whose} is ${max}`
      return new ToolError('CONFIG_INVALID', { where: conf, reason })
    }
    if (name === 'nofile' && hard > most) throw refuse(most, 'the most that this machine takes (fs.nr_open)')
    const max = own?.get(name) ?? Infinity
    if (hard > max) throw refuse(max, 'the hard limit of the caller, who may not raise it,')
  }
}

function toNumber(limit: number | string): number {
  return limit === 'unlimited' ? Infinity : Number(limit)
}

function mayRaise(): boolean {
  const [, effective = '0'] =
    /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  return ((BigInt(`0x${effective}`) >> sysResource) & 1n) === 1n
}

/** proc(5) lists them in the kernel's order. */
function hardLimits(): Map<string, number> {
  const lines = readFileSync('/proc/self/limits', 'latin1').split('\n').slice(1)
  return new Map(
    limitNames.map((name, index) => {
      const [, hard = 'unlimited'] = /\s{2,}\S+\s+(\S+)/.exec(lines[index] ?? '') ?? []
      return [name, toNumber(hard)]
    }),
  )
}
