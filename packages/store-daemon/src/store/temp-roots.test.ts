import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ProcessLock } from './process-lock.ts'
import { Protectors } from './protectors.ts'
import type { SoleUse } from './sole-use.ts'
import { TempRoots } from './temp-roots.ts'

let state: string
let roots: TempRoots

/** As where there are other daemons, none of which collects. */
function open(limit?: number): TempRoots {
  const gcLock = { whileNobodyCollects: (action: () => void) => action() } as ProcessLock
  const soleUse = { take: () => false } as unknown as SoleUse
  return new TempRoots(state, process.pid, { protectors: new Protectors(), gcLock, soleUse }, limit)
}

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'plumbline-temp-roots-'))
  mkdirSync(`${state}/temproots`)
})

afterEach(() => {
  roots.end()
  rmSync(state, { recursive: true })
})

const file = () => `${state}/temproots/${process.pid}`
const inFile = () => new Set(readFromOutside().split('\0').filter(Boolean))
const paths = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `/s/${name}-${index}`)

/** What a collector of another process reads, or "locked". */
function readFromOutside(): string {
  const script = `
import fcntl, sys
f = open(sys.argv[1], 'r+b')
try:
  fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
  sys.stdout.buffer.write(f.read())
except OSError:
  print('locked', end='')
`
  const { stdout } = spawnSync('python3', ['-c', script, file()], { encoding: 'latin1', maxBuffer: 2 ** 26 })
  return stdout
}

it('keeps so many, of nobody more than half of what others leave, and refuses none that it has', async () => {
  roots = open(8)
  const count = async (set: ReturnType<TempRoots['open']>, name: string) => {
    let kept = 0
    for (const path of paths(name, 20)) {
      try {
        await roots.add(set, path)
        kept++
      } catch (error) {
        expect(String(error)).toContain('there are too many temporary roots')
      }
    }
    return kept
  }
  const [first, second, other] = [roots.open(1, false), roots.open(1, false), roots.open(2, false)]
  expect([await count(first, 'a'), await count(second, 'b'), await count(other, 'c')]).toEqual([4, 0, 2])
  for (const path of [...paths('a', 4), ...paths('a', 4)]) await roots.add(first, path)
  const trusted = roots.open(0, true)
  expect(await count(trusted, 'd')).toBe(2)
  roots.close(first)
  // What somebody else still waits for is nobody's any more.
  for (const path of paths('e', 20)) await roots.add(first, path)
  expect(await count(second, 'b')).toBe(2)
  roots.drop(second, '/s/b-0')
  roots.clear(trusted)
  expect(await count(other, 'f')).toBe(1)
})

it('forgets what one connection has dropped, before it ends', async () => {
  roots = open()
  const set = roots.open(1, false)
  for (let round = 0; round < 10; round++) {
    for (const path of paths(String(round), 1000)) await roots.add(set, path)
    roots.clear(set)
  }
  await roots.add(set, '/s/last')
  const left = inFile()
  expect([left.has('/s/last'), left.size < 6000]).toEqual([true, true])
})

it('shows nobody fewer roots than there are when they cannot be written', async () => {
  roots = open()
  const [kept, left] = [roots.open(1, false), roots.open(1, false)]
  const wanted = paths('kept', 500)
  for (const path of wanted) await roots.add(kept, path)
  for (const path of paths('left', 6000)) await roots.add(left, path)
  const limit = (size: string) => spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${size}`]).status
  expect(limit('1000:')).toBe(0)
  try {
    roots.close(left)
    expect(readFromOutside()).toBe('locked')
    await expect(async () => roots.add(kept, '/s/another')).rejects.toThrow()
    expect(readFromOutside()).toBe('locked')
  } finally {
    limit('unlimited:')
  }
  await roots.add(kept, '/s/more')
  const seen = inFile()
  expect([...wanted, '/s/another', '/s/more'].filter((path) => !seen.has(path))).toEqual(['/s/another'])
  expect(seen.has('/s/left-0')).toBe(false)
  expect(readFileSync(file(), 'latin1').length).toBeLessThan(20_000)
})
