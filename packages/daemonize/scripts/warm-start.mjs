// Adds to the V8 code cache what only a start, a stop and a server of sites run: starts a service and ends it, then
// runs a server and asks it once. What cannot be run here (in a build without /proc, say) is compiled by the first real start.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

const keepCode = fileURLToPath(new URL('../../../scripts/code-cache.cjs', import.meta.url))
const folder = mkdtempSync(`${tmpdir()}/daemonize-warm-`)
const path = (name) => `${folder}/${name}`

writeFileSync(path('site.mjs'), 'export default (request, response) => response.end()\n')
writeFileSync(
  path('conf.json'),
  JSON.stringify({
    name: 'warm',
    user: String(process.getuid()),
    command: ['sleep', '60'],
    ready: 'exec',
    pidfile: path('run/warm.pid'),
    cachedir: path('cache'),
    log: path('log'),
    cgroup: false,
  }),
)
const host = {
  name: 'warm',
  conf: path('conf.json'),
  load: [],
  modulePaths: [folder],
  cachedir: path('cache'),
  drainTimeout: 0,
  sites: [{ module: 'site', host: null, port: 80, address: '0.0.0.0', url: '/', socket: '0.0.0.0:80' }],
  sockets: [{ fd: 5, address: '0.0.0.0:80' }],
  redirectStatus: 302,
  readyFd: 4,
}
writeFileSync(path('host.json'), JSON.stringify(host))

try {
  for (const command of ['start', 'stop', 'restart', 'kill'])
    spawnSync(process.execPath, [keepCode, path('conf.json'), command], { stdio: 'ignore' })
  const configuration = openSync(path('host.json'), 'r')
  const socket = createRequire(import.meta.url)('../dist/syscall.node').listenUnix(path('socket'), 0o600)
  const server = spawn(process.execPath, [keepCode, '--part', 'host', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', configuration, 'pipe', socket],
  })
  for (const fd of [configuration, socket]) closeSync(fd)
  const ended = new Promise((resolve) => server.on('close', resolve).on('error', resolve))
  const end = () => server.kill('SIGTERM')
  server.stdio[4].on('data', () =>
    get({ socketPath: path('socket') }, (response) => response.resume().on('close', end)).on('error', end),
  )
  await ended
} finally {
  rmSync(folder, { recursive: true, force: true })
}
