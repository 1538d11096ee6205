// Measures substitutes from nginx on this machine, one record a figure: an item of 1 GiB beside what curl and nix-store
// need for the same bytes, and `nix copy`; and a thousand small ones.
//   node bench/substitute.mjs       SUBSTITUTE_MIB=N for another size
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { median } from './measure.mjs'
import { environment, report, root, round, scratch, seconds } from './setup.mjs'

const mebibytes = Number(process.env.SUBSTITUTE_MIB ?? 1024)
const [store, cache, etc] = [join(scratch, 'store'), join(scratch, 'cache'), join(scratch, 'etc')]
const port = 20_000 + (process.pid % 10_000)
const url = `http://127.0.0.1:${port}`
const env = { ...environment, GUIX_CONFIGURATION_DIRECTORY: etc }

const time = (action) => {
  const from = performance.now()
  const result = action()
  return result === false ? null : seconds(from)
}

function makeKey() {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const part = (name) => `(${name} #00${Buffer.from(jwk[name], 'base64url').toString('hex').toUpperCase()}#)`
  const known = `(public-key (rsa ${part('n')} ${part('e')}))`
  mkdirSync(etc)
  writeFileSync(join(etc, 'signing-key.pub'), known)
  const secret = `(private-key (rsa ${['n', 'e', 'd', 'p', 'q'].map(part).join(' ')}))`
  writeFileSync(join(etc, 'signing-key.sec'), secret, { mode: 0o600 })
  writeFileSync(join(etc, 'acl'), `(acl (entry ${known} (tag (guix import))))`)
}

/** Runs `use` with a daemon on an empty store, whose name is always the same. */
async function withDaemon(name, use) {
  rmSync(store, { recursive: true, force: true })
  const socket = join(scratch, name, 'daemon-socket/socket')
  const args = ['--store', store, '--state', join(scratch, name), '--substitute-urls', url]
  const child = spawn(process.execPath, ['packages/store-daemon/bin/store-daemon.cjs', ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20))
  const cli = (...words) => {
    const file = join(root, 'packages/store-cli/bin/store-cli.cjs')
    const { status, stdout } = spawnSync(process.execPath, [file, ...words], {
      env: { ...env, GUIX_DAEMON_SOCKET: socket },
      input: '',
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
    })
    if (status !== 0) throw new Error(`store-cli ${words[0]}: ${stdout}`)
    const lines = stdout.toString().split('\n')
    return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }
  const peak = () =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024
  try {
    return await use(cli, peak, socket)
  } finally {
    const exit = once(child, 'exit')
    child.kill()
    await exit
  }
}

function startNginx() {
  const file = join(scratch, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${scratch};`,
  )
  const user = process.getuid() === 0 ? 'user root;' : ''
  writeFileSync(
    file,
    `${user} daemon off; pid ${scratch}/pid; error_log ${scratch}/error.log; events {}
     http { access_log off; sendfile on; ${temporary.join(' ')}
       server { listen 127.0.0.1:${port}; root ${cache}; } }`,
  )
  const path = `${process.env.PATH}:/usr/sbin`
  return spawn('nginx', ['-c', file, '-e', `${scratch}/error.log`], { env: { PATH: path }, stdio: 'inherit' })
}

function runNixCopy(path) {
  const place = join(scratch, 'nix')
  rmSync(place, { recursive: true, force: true })
  rmSync(store, { recursive: true, force: true })
  const to = `local?store=${store}&state=${place}/state&log=${place}/log`
  const { status } = spawnSync(
    'nix',
    [
      '--extra-experimental-features',
      'nix-command',
      'copy',
      '--no-check-sigs',
      '--from',
      `${url}?store=${store}`,
      '--to',
      to,
      path,
    ],
    { stdio: ['ignore', 'ignore', 'ignore'], env: { ...env, NIX_REMOTE: '', HOME: scratch } },
  )
  return status === 0
}

makeKey()
let nginx
try {
  const items = await withDaemon('origin', (cli) => {
    const large = join(scratch, 'large')
    execFileSync('dd', ['if=/dev/urandom', `of=${large}`, 'bs=1M', `count=${mebibytes}`], { stdio: 'ignore' })
    const [{ path }] = cli('add', large)
    const small = join(scratch, 'small')
    mkdirSync(small)
    const names = Array.from({ length: 1000 }, (_, index) => join(small, `item-${index}`))
    for (const [index, name] of names.entries()) writeFileSync(name, `${index}\n`.repeat(1000))
    const paths = cli('add', ...names).flatMap((record) => record.path ?? [])
    const references = paths.flatMap((each) => ['--reference', each])
    const [{ path: top }] = cli('add-text', 'top', ...references)
    cli('publish', '--compression', 'none', cache, path)
    cli('publish', cache, top)
    rmSync(large)
    return { path, top }
  })
  nginx = startNginx()
  const nar = `${url}/nar/none/${basename(items.path)}`
  const restored = join(scratch, 'restored')
  const times = { ours: [], limit: [], nix: [] }
  let memory = 0
  for (let round = 0; round < 3; round++) {
    rmSync(restored, { force: true, recursive: true })
    const pipe = `set -o pipefail; curl -sf '${nar}' | nix-store --restore '${restored}'`
    times.limit.push(time(() => execFileSync('bash', ['-c', pipe])))
    await withDaemon(`reader-${round}`, (cli, peak) => {
      times.ours.push(time(() => cli('ensure', items.path)))
      memory = Math.max(memory, peak())
    })
    const nix = time(() => runNixCopy(items.path))
    if (nix !== null) times.nix.push(nix)
  }
  const [ours, limit] = [median(times.ours), median(times.limit)]
  const nix = times.nix.length > 0 ? round(median(times.nix)) : null
  report(
    `an item of ${mebibytes} MiB`,
    (mebibytes * 1.048576) / ours,
    'MB/s',
    (mebibytes * 1.048576) / limit / 1.5,
    {
      seconds: round(ours),
      curl_and_restore_seconds: round(limit),
      ratio: round(ours / limit),
      nix_copy_seconds: nix,
    },
  )
  report('memory meanwhile', memory, 'MB', 150)
  await withDaemon('small', (cli) => {
    const took = time(() => cli('ensure', items.top))
    report('a closure of a thousand small items', 1000 / took, '/s', 100)
  })
} finally {
  nginx?.kill()
  rmSync(scratch, { recursive: true, force: true })
}
