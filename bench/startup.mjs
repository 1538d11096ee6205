// Start-up, as ratios to `node -e 0`: --version of every program, and the two smallest jobs.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compare, report } from './measure.mjs'

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'plumbline-bench-'))
const site = join(scratch, 'site.ndjson')
writeFileSync(join(scratch, 'motd'), 'Welcome\n')
writeFileSync(site, `{"property":"file.has-content","path":"${scratch}/motd","content":"Welcome\\n"}\n`)

const bin = (name) => join(root, 'packages', name, 'bin', `${name}.cjs`)
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
const start = (args, output = 'pipe') =>
  spawn(process.execPath, args, { stdio: ['ignore', output, 'inherit'], cwd: '/', env })

async function finish(child) {
  child.stdout.resume()
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`status ${status}`)
}

// A shell's pipe; what Node's spawn() calls one is a socket.
const pipe = join(scratch, 'pipe')
execFileSync('mkfifo', [pipe])

/** Reads the record, connects, and leaves: what ends a connect. */
async function connectLocal() {
  const reader = new Socket({ fd: openSync(pipe, O_RDONLY | O_NONBLOCK) })
  const writer = openSync(pipe, O_WRONLY)
  const child = start([bin('connect'), 'local', '-n'], writer)
  closeSync(writer)
  let text = ''
  for await (const chunk of reader) text += chunk
  // Who has sent nothing is no client yet; a blank line is no request.
  connect(JSON.parse(text.split('\n')[0]).socket, function () {
    this.end('\n')
  }).resume()
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`status ${status}`)
}

const programs = ['connect', 'propapply', 'daemonize', 'store-daemon', 'store-cli']
const rows = await compare(
  [
    ['node -e 0', () => finish(start(['-e', '0']))],
    ...programs.map((name) => [`${name} --version`, () => finish(start([bin(name), '--version']))]),
    ['connect local -n', connectLocal],
    ['propapply -n', () => finish(start([bin('propapply'), '-n', site]))],
  ],
  { rounds: Number(process.env.BENCH_ROUNDS ?? 25) },
)
for (const row of rows)
  report('startup', row, row.name.endsWith('--version') ? 1.3 : row.name === 'node -e 0' ? 1 : 1.7)
rmSync(scratch, { recursive: true })
