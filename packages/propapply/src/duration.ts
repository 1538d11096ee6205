// Lengths of time as people write them: "500ms", "30s", "5m", "2h"; a bare number is seconds, as in timeout(1).
// Pure: no I/O.

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** What setTimeout() can wait. */
const longest = 2 ** 31 - 1

/** Milliseconds, or undefined when it is no duration above zero. */
export function parseDuration(text: string): number | undefined {
  const [, number = '', unit = ''] = text.match(/^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/) ?? []
  const ms = Math.round(Number(number) * (units[unit || 's'] ?? 1))
  return number !== '' && ms > 0 && ms <= longest ? ms : undefined
}
