import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { findBusyRoots } from './busy-roots.ts'

const opened: number[] = []
const limit = (soft: string) =>
  spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${soft}`], { encoding: 'utf8' })

/** Until not one more can be had. */
function openAll(): undefined {
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'))
  } catch {
    return undefined
  }
}

const { stdout } = spawnSync('sh', ['-c', 'ulimit -S -n'], { encoding: 'utf8' })

afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd)
  limit(`${stdout.trim()}:`)
})

it('takes nothing for unused while it cannot open the files that say so', async () => {
  expect(limit('512:').status).toBe(0)
  await expect(findBusyRoots('/nowhere', openAll)).rejects.toThrow('too many open files')
})
