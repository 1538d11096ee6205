// Compiles the keeper to dist/keeper: static where libc.a is there (it starts faster and is smaller in memory).
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = readdirSync(`${root}src/keeper`)
  .filter((name) => name.endsWith('.c'))
  .map((name) => `${root}src/keeper/${name}`)
const flags = ['-std=gnu17', '-Os', '-Wall', '-Wextra', '-Werror', '-s']
const made = `${root}dist/keeper.${process.pid}`

const compile = (linking) =>
  spawnSync('cc', [...flags, ...linking, '-o', made, ...sources], { encoding: 'utf8' })

mkdirSync(`${root}dist`, { recursive: true })
const results = [compile(['-static']), undefined]
if (results[0].status !== 0) results[1] = compile([])
const last = results[1] ?? results[0]
if (last.status !== 0) throw new Error(`cc: ${last.error?.message ?? last.stderr}`)
renameSync(made, `${root}dist/keeper`)
