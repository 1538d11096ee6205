import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { recordDeaths } from './deaths.ts'

it('the time of death is the first, but not one that is still to come: a clock was wrong then', () => {
  const state = mkdtempSync(join(tmpdir(), 'plumbline-deaths-'))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const at = (now: number) => [...recordDeaths(state, ['/gnu/store/a'], now).values()]
  expect([1000, 2000, 500, 600].map(at)).toEqual([[1000], [1000], [500], [500]])
})
