// A real sshd on a port of the loopback interface, with keys of its own, and the ssh configuration to reach it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import type { Scratch } from './scratch.ts'

export type Sshd = {
  port: number
  /** `ssh -F` file: Host NAME blocks go through it. */
  config: string
  identity: string
  knownHosts: string
  process: ChildProcess
  log: () => string
  /** Adds `Host alias` to the configuration. */
  addHost: (alias: string, options?: Record<string, string>) => void
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/**
 * Mounts of its own: what root's start files do on this machine, and how long they take, is not what is tested. `$1`
 * is the home that root has there.
 */
const withHome = 'mount --bind "$1" /root && shift && exec "$@"'

/** `prefix` is a command in front of sshd's that ends in it, such as `sh` with more mounts to make. */
export async function startSshd(
  scratch: Scratch,
  settings: readonly string[] = [],
  prefix: readonly string[] = [],
): Promise<Sshd> {
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  const file = (name: string) => scratch.file(`sshd-${port}-${name}`)
  for (const name of ['host', 'identity']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file(name)])
  }
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(file('host.pub'), 'utf8')}`)
  writeFileSync(file('authorized_keys'), readFileSync(file('identity.pub')))
  writeFileSync(
    file('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host')}`,
      `AuthorizedKeysFile ${file('authorized_keys')}`,
      `PidFile ${file('pid')}`,
      'StrictModes no',
      'UsePAM yes',
      'PermitRootLogin yes',
      'MaxStartups 100',
      'LogLevel VERBOSE',
      ...settings,
      '',
    ].join('\n'),
  )
  mkdirSync(file('home'))
  const own = ['--mount', 'sh', '-ec', withHome, 'sh', file('home'), ...prefix]
  const sshd = ['/usr/sbin/sshd', '-D', '-f', file('config'), '-E', file('log')]
  const child = spawn('unshare', [...own, ...sshd], { stdio: 'ignore' })
  scratch.onEnd(() => void child.kill('SIGTERM'))
  await answers(port, child)
  const config = file('ssh_config')
  const addHost: Sshd['addHost'] = (alias, options = {}) => {
    const all = {
      HostName: '127.0.0.1',
      Port: String(port),
      IdentityFile: file('identity'),
      UserKnownHostsFile: file('known_hosts'),
      GlobalKnownHostsFile: '/dev/null',
      IdentityAgent: 'none',
      ...options,
    }
    const lines = Object.entries(all).map(([keyword, value]) => `  ${keyword} ${value}`)
    appendFileSync(config, [`Host ${alias}`, ...lines, ''].join('\n'))
  }
  const log = () => readFileSync(file('log'), 'utf8')
  return {
    port,
    config,
    identity: file('identity'),
    knownHosts: file('known_hosts'),
    process: child,
    log,
    addHost,
  }
}

/** Resolves when something accepts connections at the port; fails when what was to do so has ended. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('sshd has not started')
    const socket = connect(port, '127.0.0.1')
    const event = await Promise.race([
      once(socket, 'data').then(() => 'up'),
      new Promise((resolve) => socket.once('error', () => resolve('down'))),
    ])
    socket.destroy()
    if (event === 'up') return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
