// A real sshd on loopback for a measure, and the ssh configuration to reach it: `ssh -F SCRATCH/ssh_config NAME`.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

/** Everything it needs is kept in the directory `scratch`. Needs root. */
export async function startSshd(scratch, settings = []) {
  const file = (name) => join(scratch, name)
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  for (const name of ['host', 'identity'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)])
  writeFileSync(file('authorized_keys'), readFileSync(file('identity.pub')))
  writeFileSync(
    file('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host')}`,
      'StrictModes no',
      `AuthorizedKeysFile ${file('authorized_keys')}`,
      `PidFile ${file('pid')}`,
      'UsePAM yes',
      'PermitRootLogin yes',
      ...settings,
      '',
    ].join('\n'),
  )
  // With a home of root's own: the start files of this machine are not what is measured.
  mkdirSync(file('home'))
  const own = ['--mount', 'sh', '-ec', 'mount --bind "$1" /root && shift && exec "$@"', 'sh', file('home')]
  const sshd = ['/usr/sbin/sshd', '-D', '-f', file('sshd_config'), '-E', file('log')]
  const child = spawn('unshare', [...own, ...sshd], { stdio: 'ignore' })
  while (!(await answers(port)));
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(file('host.pub'), 'utf8')}`)

  /** Adds `Host NAME`, with more options or others. */
  const addHost = (name, more = {}) => {
    const options = { HostName: '127.0.0.1', Port: port, User: 'root', IdentityFile: file('identity') }
    const known = { UserKnownHostsFile: file('known_hosts'), HostKeyAlias: `[127.0.0.1]:${port}` }
    const all = Object.entries({ ...options, ...known, IdentityAgent: 'none', ...more })
    appendFileSync(file('ssh_config'), `Host ${name}\n${all.map((each) => `  ${each.join(' ')}\n`).join('')}`)
  }
  return { port, addHost, close: () => child.kill() }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}

async function answers(port) {
  const socket = connect(port, '127.0.0.1')
  const up = await new Promise((resolve) =>
    socket.once('data', () => resolve(true)).once('error', () => resolve(false)),
  )
  socket.destroy()
  return up
}
