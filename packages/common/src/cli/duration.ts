// Durations on a command line: 500ms, 30s, 2m, 1h; a bare number is seconds.
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  '': 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds. Throws USAGE, naming `option`. */
export function parseDuration(text: string, option: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? []
  const factor = units[unit]
  if (number === undefined || factor === undefined) {
    throw new ToolError('USAGE', { reason: `${option} needs a duration such as 30s or 2m, not "${text}"` })
  }
  return Math.round(Number(number) * factor)
}
