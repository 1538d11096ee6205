// Consfigurator's own results for the text properties, under each shell and awk.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCall, makeFarSides, runCalls } from '../shell/far-side.testing.ts'
import { decide, type Case } from './decisions.ts'

type Arguments = Case['args']

const fieldsOf: Record<string, (args: Arguments) => Record<string, unknown>> = {
  'has-content': ([content]) => ({ content }),
  'contains-lines': (lines) => ({ lines }),
  'lacks-lines': (lines) => ({ lines }),
  'lacks-lines-matching': (patterns) => ({ patterns }),
  'regex-replaced-lines': ([pattern, replacement]) => ({ pattern, replacement }),
  'contains-ini-settings': (settings) => ({ settings }),
}
const settingsOf = (args: Arguments) => ({
  settings: Object.fromEntries(Array.from({ length: args.length / 2 }, (_, i) => [String(args[2 * i]), args[2 * i + 1]])),
})

const cases = readFileSync(new URL('./consfigurator.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  // fstab and crypttab are properties of their own.
  .filter(({ prop }) => prop !== 'unix-table')

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null)

test.each(makeFarSides())('the vectors hold under $name', { timeout: 180_000 }, async (side) => {
  const directory = mkdtempSync(join(tmpdir(), 'propapply-vectors-'))
  const paths = cases.map((_, index) => join(directory, String(index)))
  const calls = await Promise.all(
    cases.map(({ prop, args }, index) =>
      makeCall(`file.${prop}`, { path: paths[index], ...(fieldsOf[prop] ?? settingsOf)(args) }),
    ),
  )
  cases.forEach(({ before }, index) => before !== null && writeFileSync(paths[index] ?? '', before))
  const first = runCalls(side, calls)
  const contents = paths.map(read)
  const second = runCalls(side, calls)
  const wrong = cases.flatMap((each, index) => {
    const decision = decide(each)
    const path = paths[index] ?? ''
    const result = first.steps[index]?.result
    const again = second.steps[index]?.result
    const want = decision ? decision.after : each.after
    const resultFits = want === each.before ? result !== 'changed' : result === 'changed'
    const fits = contents[index] === want && resultFits && again === (result === 'failed' ? 'failed' : 'ok')
    const got = { got: contents[index], result, again, twice: read(path), stderr: first.steps[index]?.stderr }
    return fits && read(path) === want ? [] : [{ ...each, want, ...got }]
  })
  rmSync(directory, { recursive: true })
  expect(wrong.slice(0, 5)).toEqual([])
  expect(first.steps.length).toBe(cases.length)
})
