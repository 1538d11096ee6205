// What the measures of the store daemon share: which of them are run, where, and one record a figure.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const chosen = process.argv.slice(2)
export const environment = { ...process.env }
delete environment.NODE_EXTRA_CA_CERTS

/** Whoever imports this removes it. */
export const scratch = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'plumbline-bench-'))

export const round = (value) => Number(value.toPrecision(4))
export const seconds = (from) => (performance.now() - from) / 1000

/** A `bench` record. Of times, memory and ratios the goal is the most that is aimed at, of all else the least. */
export function report(name, value, unit, goal, more = {}) {
  const isMost = ['ms', 's', 'MB', 'ratio'].includes(unit)
  const ok = goal === undefined ? null : isMost ? value <= goal : value >= goal
  console.log(
    JSON.stringify({ type: 'bench', name, value: round(value), unit, goal: goal ?? null, ok, ...more }),
  )
}
