// Compiles better-sqlite3 once per version, Node ABI and platform, and keeps the result in the user's cache, so
// that neither a second clone nor a second `npm ci` compiles it again; puts it beside the bundle, from where it is
// loaded. Its own install script is not used: where it can, it takes a binary from a download page, and nobody says
// what is in that.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('better-sqlite3/package.json'))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** To be raised when it is compiled in another way. */
const way = 3
const target = `dist/sqlite-abi${process.versions.modules}.node`
const cache = join(
  process.env.PLUMBLINE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'plumbline'),
  `better-sqlite3-${version}-${way}-abi${process.versions.modules}-${process.platform}-${process.arch}.node`,
)

function place(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  // Two builds may run at once: each copies to a name of its own and renames.
  copyFileSync(from, `${to}.${process.pid}`)
  renameSync(`${to}.${process.pid}`, to)
}

/** A cache that cannot be written costs time, and nothing else. */
function keep() {
  try {
    place(target, cache)
  } catch (error) {
    process.stderr.write(`Not kept for the next build: ${error.message}\n`)
  }
}

/** Whether it is there, and made for this Node: headers of another version make what cannot be loaded. */
function isLoadable(file) {
  try {
    process.dlopen({ exports: {} }, file)
    return true
  } catch {
    return false
  }
}

/** A directory with the headers of this Node: its own, the one that npm is told of, or Debian's. */
function findHeaders() {
  const [major] = process.versions.node.split('.')
  const places = [dirname(dirname(process.execPath)), process.env.npm_config_nodedir, '/usr']
  return places.find((place) => {
    const file = place && join(place, 'include/node/node_version.h')
    return file && existsSync(file) && readFileSync(file, 'utf8').includes(`NODE_MAJOR_VERSION ${major}\n`)
  })
}

/** Compiles a copy in `folder`: make takes no path with spaces, which the tree may have. */
function compile(folder) {
  for (const part of ['binding.gyp', 'package.json', 'deps', 'src'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  copyFileSync(join(import.meta.dirname, 'object-wrap.h'), join(folder, 'object-wrap.h'))
  const { NODE_EXTRA_CA_CERTS: _, npm_config_nodedir: __, ...env } = process.env
  // An empty one has node-gyp fetch them, also where npm's own configuration names those of another version.
  env.npm_config_nodedir = findHeaders() ?? ''
  env.CXXFLAGS = `${env.CXXFLAGS ?? ''} -include ${folder}/object-wrap.h`
  const { status } = spawnSync('npm', ['run', 'build-release'], { env, cwd: folder, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('Cannot compile better-sqlite3: node-gyp failed')
  return join(folder, 'build/Release/better_sqlite3.node')
}

if (isLoadable(cache)) {
  place(cache, target)
} else {
  const folder = mkdtempSync(join(tmpdir(), 'better-sqlite3-'))
  try {
    place(compile(folder), target)
    if (!isLoadable(target)) throw new Error('Cannot compile better-sqlite3: the result cannot be loaded')
    keep()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
