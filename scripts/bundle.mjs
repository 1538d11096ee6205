// Bundles the program of the package it is run in: dist/main.cjs, one chunk for each heavy dependency, the
// launcher that loads them, and the V8 code caches that make the next start not compile them again.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { writeLicenses } from './licenses.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const program = manifest.name.split('/').at(-1)
// Dependencies that most runs never need: each becomes a file of its own, read when it is first imported.
const chunks = ['yargs', 'ssh2', 'yaml', 'ndjson', '@valibot/to-json-schema', 'undici', 'fzstd', 'sucrase']
const chunkFile = (name) => `./${name.split('/').at(-1)}.cjs`
// The same for what a package says is another program in the same bundle.
const parts = (manifest.parts ?? []).map((path) => ({ path, file: chunkFile(path.replace(/\.ts$/, '')) }))

const withoutDefault = new Set(['@valibot/to-json-schema', 'fzstd', 'sucrase'])
const chunkSource = (name) =>
  `export * from '${name}'` + (withoutDefault.has(name) ? '' : `; export { default } from '${name}'`)

const asChunk = {
  name: 'chunk',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[@a-z]/ }, ({ path, importer }) =>
      chunks.includes(path) && !importer.includes('node_modules')
        ? { path: chunkFile(path), external: true }
        : undefined,
    )
    onResolve({ filter: /^\.\// }, ({ path, resolveDir, kind }) => {
      const part = parts.find(
        (each) => kind === 'dynamic-import' && join(resolveDir, path) === resolve(each.path),
      )
      return part && { path: part.file, external: true }
    })
  },
}

// Shell text is imported as vite has it, with ?raw.
const asText = {
  name: 'text',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace(/\?raw$/, '')),
      namespace: 'text',
    }))
    onLoad({ filter: /./, namespace: 'text' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8'),
      loader: 'text',
      watchFiles: [path],
    }))
  },
}

// yargs measures the width of every glyph with Intl.Segmenter and large regular expressions, which costs more
// than all the rest of it. Help texts here are ASCII, for which the width is the length.
const shims = {
  name: 'shims',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(string-width|strip-ansi)$/ }, ({ path }) => ({ path, namespace: 'shim' }))
    onLoad({ filter: /./, namespace: 'shim' }, ({ path }) => ({
      contents: path === 'string-width' ? 'export default (s) => s.length' : 'export default (s) => s',
    }))
    // It asks for the working directory, which may be gone, and has no use for it here.
    onLoad({ filter: /yargs.lib.platform-shims.esm\.mjs$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace('process.cwd()', "'/'"),
    }))
    // The copy of Node's streams that some packages bring takes as long to load as the program.
    onResolve({ filter: /^readable-stream$/ }, () => ({ path: 'node:stream', external: true }))
    // Parts of ssh2 that nobody here uses, and that take a third of the time to load: they bring http, https and tls.
    onResolve({ filter: /^\.\/(http-agents|server)\.js$/ }, ({ path, importer }) =>
      importer.includes('/ssh2/') ? { path, namespace: 'none' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }))
    // Native parts of ssh2 that are not built here; it has a fallback in JavaScript for each.
    onResolve({ filter: /(cpu-features|sshcrypto\.node)$/ }, ({ path }) => ({ path, external: true }))
  },
}

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  minifyIdentifiers: true,
  legalComments: 'none',
  // import() of a chunk becomes require(), which the launcher answers from its code cache. For modules that only a
  // user names, the launcher hands in importModule().
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
  define: {
    'import.meta.url': 'importMetaUrl',
    'import.meta.dirname': '__dirname',
    PROGRAM_VERSION: JSON.stringify(manifest.version),
  },
  // What pathToFileURL() gives, which takes half a millisecond for its first answer.
  banner: { js: 'const importMetaUrl="file://"+encodeURI(__filename).replace(/[?#]/g,encodeURIComponent);' },
}

// What runs on a far side, as one file that is sent there: it has to be small. The ndjson package brings streams of its
// own; behind the checks of decode.ts JSON.parse does the same.
async function buildAgent() {
  const small = {
    name: 'small',
    setup: ({ onResolve, onLoad }) => {
      onResolve({ filter: /^ndjson$/ }, ({ path }) => ({ path, namespace: 'small' }))
      onLoad({ filter: /./, namespace: 'small' }, () => ({ contents: decoder }))
    },
  }
  const decoder = `export default { parse: () => {
    let take
    return {
      on: (event, listener) => { if (event === 'data') take = listener },
      write: (text) => { try { take(JSON.parse(text)) } catch {} },
    }
  } }`
  // Node 18 lacks it.
  const banner = { js: 'process.getBuiltinModule||(process.getBuiltinModule=require);' }
  const far = { ...common, define: {}, minify: true, write: false }
  const options = (entry, target) => ({
    ...far,
    banner: entry === 'main' ? banner : {},
    entryPoints: [`src/agent/${entry}.ts`],
    target,
    plugins: [small],
  })
  const [agent, loader] = await Promise.all([
    build(options('main', 'node18')),
    build(options('loader', 'node12')),
  ])
  const bytes = brotliCompressSync(agent.outputFiles[0].contents)
  const hash = createHash('sha256').update(bytes).digest('hex')
  writeFileSync('dist/agent.cjs.br', bytes)
  writeFileSync('dist/agent.json', JSON.stringify({ hash, loader: loader.outputFiles[0].text.trim() }))
}

rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
if (existsSync('src/agent/main.ts')) await buildAgent()
const sent = readdirSync('src').filter((name) => name.endsWith('.far.ts'))
for (const name of sent) {
  // A part of the program that is sent to an agent, and run by it.
  const outfile = `dist/${name.replace(/ts$/, 'js')}`
  await build({
    ...common,
    entryPoints: [`src/${name}`],
    outfile,
    target: 'node18',
    banner: {},
    define: {},
    minify: true,
  })
}
const bundled = []
const inputs = []
for (const { path, file } of [{ path: 'src/main.ts', file: './main.cjs' }, ...parts]) {
  const { metafile } = await build({
    ...common,
    entryPoints: [path],
    outfile: `dist/${file}`,
    plugins: [asChunk, asText],
    external: ['better-sqlite3'],
    metafile: true,
  })
  inputs.push(...Object.keys(metafile.inputs))
  bundled.push(...Object.values(metafile.outputs).flatMap(({ imports }) => imports.map((each) => each.path)))
}
const external = new Set(bundled)
const used = chunks.filter((name) => external.has(chunkFile(name)))
for (const name of used) {
  const { metafile } = await build({
    ...common,
    stdin: { contents: chunkSource(name), resolveDir: process.cwd() },
    outfile: `dist/${chunkFile(name)}`,
    plugins: [shims],
    metafile: true,
  })
  inputs.push(...Object.keys(metafile.inputs))
}
writeLicenses('dist', inputs)
copyFileSync(`${here}/launch.cjs`, 'dist/launch.cjs')
writeFileSync('dist/package.json', '{"type":"commonjs"}\n')

// Shell lines: in each, what `warm` compiles on its way is kept.
const functions = `
warm() { "$NODE" "$KEEP_CODE" "$@"; }
program() { "$NODE" dist/launch.cjs "$@"; }
`
const environment = { ...process.env, NODE: process.execPath, KEEP_CODE: `${here}code-cache.cjs` }
for (const line of manifest.warm ?? ['warm --version']) {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', `${functions}${line}`], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${program}: ${line}: ${stderr}`)
}
