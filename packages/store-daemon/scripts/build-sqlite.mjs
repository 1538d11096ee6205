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
const built = join(root, 'build/Release/better_sqlite3.node')
const cache = join(
  process.env.PLUMBLINE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'plumbline'),
  `better-sqlite3-${version}-abi${process.versions.modules}-${process.platform}-${process.arch}.node`,
)

function place(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  // Two builds may run at once: each copies to a name of its own and renames.
  copyFileSync(from, `${to}.${process.pid}`)
  renameSync(`${to}.${process.pid}`, to)
}

if (!existsSync(built) && existsSync(cache)) place(cache, built)
if (!existsSync(built)) {
  const env = { ...process.env, npm_config_ignore_scripts: 'false' }
  delete env.NODE_EXTRA_CA_CERTS
  // Debian ships the headers; without them node-gyp would fetch them from the network.
  const prefix = dirname(dirname(process.execPath))
  for (const dir of ['/usr', prefix])
    if (existsSync(join(dir, 'include/node/node.h'))) env.npm_config_nodedir ??= dir
  const { status } = spawnSync('npm', ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    env,
    cwd: join(root, '../..'),
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0 || !existsSync(built)) throw new Error('Cannot compile better-sqlite3: npm rebuild failed')
}
if (!existsSync(cache)) place(built, cache)
place(built, `dist/sqlite-abi${process.versions.modules}.node`)
