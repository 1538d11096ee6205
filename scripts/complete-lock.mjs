// Adds to package-lock.json the optional platform packages that a registry mirror may not have had when the lock
// was written. Without an entry for each, `npm ci` refuses the lock on every platform; with one that names its
// os and cpu, npm skips it where it does not fit. `--check` only says whether any is missing.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const osNames = { windows: 'win32', openharmony: 'openharmony' }
const cpuNames = { 64: 'x64', 'arm-eabi': 'arm', armv7: 'arm' }
const missing = []

function platform(name) {
  const words = name
    .split('/')
    .at(-1)
    .replace(/^(binding|cli)-/, '')
    .split('-')
  const libc = { gnu: 'glibc', musl: 'musl', gnueabihf: 'glibc', musleabihf: 'musl' }[words[2]]
  return {
    os: [osNames[words[0]] ?? words[0]],
    cpu: [cpuNames[words[1]] ?? words[1]],
    ...(libc && { libc: [libc] }),
  }
}

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
    if (!name.startsWith('@') || places.some((place) => lock.packages[place])) continue
    missing.push(name)
    lock.packages[`node_modules/${name}`] = { version, ...platform(name), dev: true, optional: true }
  }
}

if (process.argv[2] === '--check') {
  for (const name of missing)
    console.error(`package-lock.json: no entry for ${name}; run node scripts/complete-lock.mjs`)
  process.exitCode = missing.length > 0 ? 1 : 0
} else {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
  lock.packages = Object.fromEntries(sorted)
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
