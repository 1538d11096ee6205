// Compiles better-sqlite3 once per version, Node ABI and platform, and keeps the result in the user's cache, so
// that neither a second clone nor a second `npm ci` compiles it again; puts it beside the bundle, from where it is
// loaded. Install scripts are off in this workspace.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('better-sqlite3/package.json'))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** To be raised when it is compiled in another way. */
const way = 2
const built = join(root, 'build/Release/better_sqlite3.node')
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

function compile() {
  const { NODE_EXTRA_CA_CERTS: _, npm_config_nodedir: __, ...env } = process.env
  const headers = findHeaders()
  // An empty one has node-gyp fetch them, also where npm's own configuration names those of another version.
  env.npm_config_nodedir = headers ?? ''
  env.npm_config_ignore_scripts = 'false'
  env.CXXFLAGS = `${env.CXXFLAGS ?? ''} -include ${join(import.meta.dirname, 'object-wrap.h')}`
  const { status } = spawnSync('npm', ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    env,
    cwd: join(root, '../..'),
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0 || !isLoadable(built)) throw new Error('Cannot compile better-sqlite3: npm rebuild failed')
}

if (!isLoadable(cache)) {
  compile()
  place(built, cache)
}
place(cache, `dist/sqlite-abi${process.versions.modules}.node`)
