// Who may import whom: the directions of the design, as data.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './prepare.mjs'
import { readSources } from './sources.mjs'

const programs = ['connect', 'propapply', 'daemonize', 'store-daemon', 'store-cli']

// npm package → the only files that may import it.
const owners = {
  ndjson: [/^packages\/common\/src\/ndjson\/decode\.ts$/],
  yargs: [/^packages\/common\/src\/cli\/help\.ts$/],
  'fastest-levenshtein': [/^packages\/common\/src\/cli\/suggest-name\.ts$/],
  '@valibot/to-json-schema': [/^packages\/common\/src\/cli\/schema-output\.ts$/],
  ssh2: [
    /^packages\/connect\/src\/ssh\/ssh2\.ts$/,
    /^packages\/store-cli\/src\/ssh-transport\.ts$/,
    /^packages\/connect\/src\/ssh\/[a-z-]+\.ts$/,
  ],
  undici: [/^packages\/store-daemon\/src\/download\/http-client\.ts$/],
  fzstd: [/^packages\/store-daemon\/src\/substitute\/decompress\.ts$/],
  'better-sqlite3': [/^packages\/store-daemon\/src\/database\/open\.ts$/],
}
// Package → what its package.json names.
const declared = Object.fromEntries(
  [...programs, 'common'].map((name) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
    return [name, { ...manifest.dependencies, ...manifest.devDependencies }]
  }),
)
const tests = /\.(test|testing)\.ts$|^test\//
// Modules of Node that no effect hides in: what a file marked "Pure: no I/O." may use.
const pureModules = /^node:(crypto|path|path\/posix|util|buffer|stream|assert|events|string_decoder|os|zlib)$/

const rules = [
  {
    says: 'a program imports common, never another program',
    breaks: ({ path, name }) => {
      const here = programs.find((program) => path.startsWith(`packages/${program}/`))
      return here !== undefined && programs.some((program) => name.startsWith(`@plumbline/${program}`))
    },
  },
  {
    says: 'common imports no program',
    breaks: ({ path, name }) => path.startsWith('packages/common/') && /^@plumbline\/(?!common\/)/.test(name),
  },
  {
    says: 'a relative import stays in its package and names its file',
    breaks: ({ path, name }) => {
      if (!name.startsWith('.')) return false
      // What is measured is what is tested.
      if (tests.test(path) && name.endsWith('/bench/w100-site.mjs')) return false
      const depth = path.split('/').length - 1 - (path.startsWith('packages/') ? 2 : 1)
      const up = name.split('/').filter((part) => part === '..').length
      return up > depth || !/\.(ts|json|sh\?raw)$/.test(name)
    },
  },
  {
    says: 'test/ drives whole programs and imports no inside of a package',
    breaks: ({ path, name }) => path.startsWith('test/') && /^@plumbline|packages\//.test(name),
  },
  {
    says: 'a hop works through the verbs beneath it: no file system, no process of its own',
    breaks: ({ path, name }) => {
      if (!/^packages\/connect\/src\/(hops|ssh)\//.test(path)) return false
      const network = /^packages\/connect\/src\/ssh\/dial\.ts$/.test(path) && name === 'node:net'
      return /^node:(?!crypto|stream|os|util|path)/.test(name) && !network
    },
  },
  {
    says: 'a property acts through the shell it compiles to',
    breaks: ({ path, name }) =>
      path.startsWith('packages/propapply/src/properties/') && /^node:(?!crypto|path|buffer)/.test(name),
  },
  {
    says: 'what a package imports stands in its package.json',
    breaks: ({ path, name, type }) => {
      const [, here] = /^packages\/([^/]+)\/src\//.exec(path) ?? []
      if (here === undefined || type || /^(\.|node:)/.test(name)) return false
      return !Object.hasOwn(declared[here], /^(@[^/]+\/)?[^/]+/.exec(name)[0])
    },
  },
  {
    says: 'a dependency is imported in one place',
    breaks: ({ path, name, type }) =>
      Object.hasOwn(owners, name) && !type && !owners[name].some((owner) => owner.test(path)),
  },
  {
    says: 'a heavy dependency is loaded when it is first needed',
    breaks: ({ name, type, text }) =>
      ['ndjson', 'yargs', 'ssh2', 'undici', 'fzstd', '@valibot/to-json-schema'].includes(name) &&
      !type &&
      !text.includes(`import('${name}')`),
  },
]

let broken = 0
const report = (path, says, name) => {
  console.error(`${path}: ${says} (${name})`)
  broken++
}

const sources = readSources()
const pure = new Set(
  sources.filter(({ text }) => /^\/\/ Pure: no I\/O\.$|Pure: no I\/O\.$/m.test(text)).map(({ path }) => path),
)
const resolve = (path, name) => {
  if (name.startsWith('@plumbline/common/'))
    return `packages/common/src/${name.slice('@plumbline/common/'.length)}.ts`
  const parts = path.split('/').slice(0, -1)
  for (const part of name.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

for (const { path, text, imports } of sources) {
  for (const { name, type } of imports) {
    const isTest = tests.test(path)
    for (const { says, breaks } of rules) {
      if (isTest && !path.startsWith('test/')) continue
      if (breaks({ path, name, type, text })) report(path, says, name)
    }
    if (!pure.has(path) || type) continue
    const local = /^(\.|@plumbline\/)/.test(name)
    if (name.startsWith('node:') && !pureModules.test(name)) report(path, 'it is marked pure', name)
    if (local && !name.endsWith('?raw') && !pure.has(resolve(path, name)))
      report(path, 'it is marked pure, and imports what is not', name)
  }
}

// Cycles between files.
const graph = new Map(
  sources.map(({ path, imports }) => [
    path,
    imports
      .filter(({ name, type }) => /^(\.|@plumbline\/)/.test(name) && !type)
      .map(({ name }) => resolve(path, name)),
  ]),
)
const done = new Set()
const visit = (path, trail) => {
  if (trail.includes(path))
    return report(
      path,
      'files import each other in a circle',
      [...trail.slice(trail.indexOf(path)), path].join(' → '),
    )
  if (done.has(path)) return undefined
  for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
  done.add(path)
  return undefined
}
for (const path of graph.keys()) visit(path, [])

process.exitCode = broken > 0 ? 1 : 0
