// What a fresh clone needs before anything can run: dependencies, and the programs built. Says what it does, since the
// first time takes a while, and does nothing the second time.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

// Certificates in this variable are parsed at every start of Node, which makes each almost three times as slow.
const { NODE_EXTRA_CA_CERTS, ...rest } = process.env
export const environment = {
  ...rest,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  // What has been built for one version of Node is built anew for another.
  NODE_ABI: process.versions.modules,
  PATH: `${root}/node_modules/.bin:${process.env.PATH}`,
}

export const searchPath = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`

/** Of a table from command to Debian package, what is not there; and a sentence that says so. */
export function findMissing(needed) {
  const isThere = (name) =>
    spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], { env: { PATH: searchPath } }).status === 0
  const commands = Object.keys(needed).filter((name) => !isThere(name))
  const packages = [...new Set(commands.map((name) => needed[name]))]
  const sentence = `Missing: ${commands.join(', ')}. As root: apt-get install ${packages.join(' ')}`
  return { packages, sentence: commands.length > 0 ? sentence : '' }
}

/** What compiles the parts that are C, and SQLite. */
export const compilers = { cc: 'gcc', 'g++': 'g++', make: 'make', python3: 'python3' }

/** Runs a command in the root of the tree; ends the script when it fails, with `advice` if there is some. */
export function run(command, args, { env = environment, quiet = false, advice = () => '' } = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status === 0) return
  if (quiet) process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  console.error(`${[command, ...args].join(' ')}: ${error?.message ?? `status ${status}`}`)
  const more = advice()
  if (more) console.error(more)
  process.exit(1)
}

export function installDependencies() {
  const installed = `${root}/node_modules/.package-lock.json`
  const lock = `${root}/package-lock.json`
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  console.error('Installing dependencies (npm ci) …')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    env: { ...environment, NODE_EXTRA_CA_CERTS: NODE_EXTRA_CA_CERTS ?? '' },
    quiet: true,
  })
}

/** Builds the programs named, or all. */
export function buildPrograms(...programs) {
  console.error(`Building ${programs.length > 0 ? programs.join(', ') : 'the programs'} …`)
  const filters = programs.map((name) => `--filter=@plumbline/${name}`)
  run('turbo', ['run', 'build', '--output-logs=errors-only', ...filters], {
    quiet: true,
    advice: () => findMissing(compilers).sentence,
  })
}
