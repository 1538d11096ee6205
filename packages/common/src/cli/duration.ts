// Lengths of time as people write them: 500ms, 30s, 5m, 2h, 1d; a bare number is seconds, as in timeout(1).
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** What setTimeout() can wait; more it takes for 1 ms. */
const longestTimer = 2 ** 31 - 1

/** Milliseconds, or undefined when `text` is no duration, or one longer than `longest` milliseconds. */
export function parseDuration(text: string, longest = longestTimer): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? []
  const ms = Math.round(Number(number) * (units[unit] ?? Number.NaN))
  return ms <= longest ? ms : undefined
}

/** The argument of `option`, in milliseconds. Throws USAGE. */
export function parseDurationOption(text: string, option: string, longest?: number): number {
  const ms = parseDuration(text, longest)
  if (ms !== undefined) return ms
  throw new ToolError('USAGE', {
    reason: `Option ${option} expects a duration such as 30s or 2m, found "${text}"`,
  })
}
