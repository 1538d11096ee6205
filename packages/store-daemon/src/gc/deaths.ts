// When items were first seen dead, so that a collection can keep what died a short while ago. Guix's schema has no
// place for it, so it is a file of our own beside: one line an item, "SECONDS PATH".
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readStateFile } from '../store/read-state-file.ts'
import { replaceFile } from '../store/replace-file.ts'

/** Updates the record for what is dead now, and returns the time of death of each, in seconds since 1970. */
export function recordDeaths(state: string, dead: Iterable<string>, now: number): Map<string, number> {
  const file = join(state, 'plumbline/deaths')
  const known = readDeaths(file)
  const deaths = new Map<string, number>()
  let changed = false
  for (const path of dead) {
    const time = known.get(path)
    // A clock that was ahead once would keep it until then.
    const isKnown = time !== undefined && time <= now
    deaths.set(path, isKnown ? time : now)
    changed ||= !isKnown
  }
  if (changed || deaths.size !== known.size) {
    mkdirSync(dirname(file), { recursive: true })
    replaceFile(file, [...deaths].map(([path, time]) => `${time} ${path}\n`).join(''))
  }
  return deaths
}

function readDeaths(file: string): Map<string, number> {
  const lines = readStateFile(file)?.split('\n') ?? []
  return new Map(
    lines.flatMap((line) => {
      const space = line.indexOf(' ')
      const time = Number(line.slice(0, space))
      return space > 0 && Number.isSafeInteger(time) ? [[line.slice(space + 1), time] as const] : []
    }),
  )
}
