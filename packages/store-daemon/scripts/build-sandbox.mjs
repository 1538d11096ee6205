// Compiles the program that makes builds' processes to dist/sandbox: static where libc.a is there, since a process that
// forks for each build should be small.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}src/build/sandbox`
const sources = readdirSync(folder)
  .filter((name) => name.endsWith('.c'))
  .map((name) => `${folder}/${name}`)
const flags = ['-std=gnu17', '-Os', '-Wall', '-Wextra', '-Werror', '-s']
const made = `${root}dist/sandbox.${process.pid}`

const compile = (linking) =>
  spawnSync('cc', [...flags, ...linking, '-o', made, ...sources], { encoding: 'utf8' })

mkdirSync(`${root}dist`, { recursive: true })
let result = compile(['-static'])
if (result.status !== 0) result = compile([])
if (result.status !== 0) throw new Error(`cc: ${result.error?.message ?? result.stderr}`)
renameSync(made, `${root}dist/sandbox`)
