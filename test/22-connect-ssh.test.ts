// @needs-root: users, an sshd
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell } from './support/shell.ts'
import { startSshd, type Sshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('ssh')
const password = 'pass word'
const sshd = await startSshd(scratch, ['KbdInteractiveAuthentication yes'])
const sudoers = 'USER ALL=(ALL:ALL) NOPASSWD: ALL'
const users = {
  sh: makeUser(scratch, { password, sudoers }),
  bash: makeUser(scratch, { shell: '/bin/bash' }),
  csh: makeUser(scratch, { shell: '/bin/csh' }),
  fish: makeUser(scratch, { shell: '/usr/bin/fish' }),
  nologin: makeUser(scratch, { shell: '/usr/sbin/nologin' }),
}
const left = new Leftovers(scratch, Object.values(users))
const { env } = left
afterEach(() => left.expectNone())

let aliases = 0
/** A host of its own name with these settings, and how to connect to it. */
function connectTo(options: Record<string, string> = {}, server: Sshd = sshd): string {
  const alias = `host${aliases++}`
  server.addHost(alias, { User: users.sh, ...options })
  return `connect ssh -F ${server.config} ${alias}`
}

const run = (pipeline: string, extra: Record<string, string> = {}) =>
  shell(pipeline, { env: { ...env, ...extra } })
const codeOf = (stdout: string) => recordsOf(stdout).find(({ type }) => type === 'error')?.['code']
const keyOf = (path: string) => readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')
const name = `[127.0.0.1]:${sshd.port}`
const hostKey = keyOf(sshd.identity.replace('identity', 'host'))

describe('a login shell', () => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256))
  writeFileSync(scratch.file('bytes'), bytes)
  writeFileSync(`/home/${users.bash}/.bashrc`, 'echo noise; echo more noise >&2; printf "no newline"\n')

  it.each(['sh', 'bash', 'csh', 'fish'] as const)('%s passes every byte and status', async (login) => {
    const command = `connect exec -i ${scratch.file('bytes')} -c -- 'cat; echo err >&2; exit 7'`
    const result = await run(`${connectTo({ User: users[login] })} | ${command}`)
    expect([result.stderr, result.status]).toEqual(['err\n', 7])
    expect(result.bytes.equals(bytes)).toBe(true)
  })

  it('that lets nobody in is an error with its words', async () => {
    const { stdout, status } = await run(connectTo({ User: users.nologin }))
    expect([codeOf(stdout), status]).toEqual(['HOP_FAILED', 1])
    expect(stdout).toContain('This account is currently not available')
  })

  it('may find /tmp read-only', async () => {
    const forced = scratch.file('forced')
    const inner = 'mount -t tmpfs -o ro none /tmp && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    writeFileSync(forced, `#!/bin/sh\nexec unshare -m sh -c '${inner}'\n`)
    chmodSync(forced, 0o755)
    // The new /tmp hides the file itself.
    execFileSync('install', ['-m', '755', forced, `/usr/local/bin/${users.sh}`])
    scratch.onEnd(() => void execFileSync('rm', [`/usr/local/bin/${users.sh}`]))
    const server = await startSshd(scratch, [`ForceCommand /usr/local/bin/${users.sh}`])
    const pipeline = `${connectTo({ User: 'root' }, server)} | connect exec -c -- 'touch /tmp/x 2>/dev/null || echo ro'`
    expect(await run(pipeline)).toMatchObject({ stdout: 'ro\n', stderr: '', status: 0 })
  })
})

describe('a host key', () => {
  const known = (text: string) => {
    const file = scratch.file(`known${aliases++}`)
    writeFileSync(file, text)
    return file
  }
  const other = scratch.file('other')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
  const connecting = (file: string, options = '') =>
    run(`${connectTo({ UserKnownHostsFile: file })} ${options} --linger 0`)

  it('that is not known is refused, with its fingerprint; accept-new adds it once', async () => {
    const file = known('')
    const strict = await connecting(file)
    expect([codeOf(strict.stdout), strict.status]).toEqual(['HOST_KEY_UNKNOWN', 1])
    const print = execFileSync('ssh-keygen', ['-lf', '-'], { input: hostKey }).toString().split(' ')[1] ?? ''
    expect(strict.stdout).toContain(print)
    expect(readFileSync(file, 'utf8')).toBe('')
    expect((await connecting(file, '--host-key accept-new')).status).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(`${name} ${hostKey}\n`)
    expect((await connecting(file)).status).toBe(0)
  })

  it('that has changed is refused, also by accept-new, with file and line', async () => {
    const file = known(`# one\n\n${name} ${keyOf(other)}\n`)
    for (const policy of ['strict', 'accept-new']) {
      const { stdout, status } = await connecting(file, `--host-key ${policy}`)
      expect([codeOf(stdout), status]).toEqual(['HOST_KEY_MISMATCH', 1])
      expect(stdout).toContain(`${file}, line 3`)
    }
  })

  it('may be known under a hashed name', async () => {
    const file = known(`${name} ${hostKey}\n`)
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'pipe' })
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/)
    expect((await connecting(file)).status).toBe(0)
  })

  it('that is revoked is refused with its line', async () => {
    const file = known(`${name} ${hostKey}\n@revoked * ${hostKey}\n`)
    const { stdout } = await connecting(file)
    expect(codeOf(stdout)).toBe('HOST_KEY_REVOKED')
    expect(stdout).toContain(`${file}, line 2`)
  })

  it('of another port is not this one', async () => {
    expect(codeOf((await connecting(known(`127.0.0.1 ${hostKey}\n`))).stdout)).toBe('HOST_KEY_UNKNOWN')
  })

  it('signed by an authority is left to the ssh command, which is said', async () => {
    const ca = scratch.file('ca')
    const host = scratch.file('certified')
    for (const path of [ca, host]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
    execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'host', '-h', '-n', '127.0.0.1', `${host}.pub`])
    const server = await startSshd(scratch, [`HostKey ${host}`, `HostCertificate ${host}-cert.pub`])
    const file = known(`@cert-authority [127.0.0.1]:${server.port} ${keyOf(ca)}\n`)
    const ssh = connectTo({ UserKnownHostsFile: file }, server)
    const { stdout, stderr } = await run(`${ssh} | connect exec -- id -un`)
    expect(stdout).toBe(`${users.sh}\n`)
    expect(stderr).toContain('using the ssh command: the host is known by a certificate authority')
  })
})

describe('a login', () => {
  const makeKey = (type: string, passphrase: string) => {
    const path = scratch.file(`key-${type}-${aliases++}`)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', '', '-f', path])
    appendFileSync(sshd.identity.replace('identity', 'authorized_keys'), readFileSync(`${path}.pub`))
    return path
  }
  const secret = scratch.file('secret')
  writeFileSync(secret, `${password}\n`)

  it.each(['ed25519', 'ecdsa', 'rsa'])('with a key of type %s and a passphrase', async (type) => {
    const ssh = connectTo({ IdentityFile: makeKey(type, password) })
    expect((await run(`${ssh} --passphrase-file ${secret} | connect exec -- id -un`)).stdout).toBe(
      `${users.sh}\n`,
    )
    const without = await run(ssh)
    expect(codeOf(without.stdout)).toBe('AUTH_FAILED')
    expect(without.stdout).toContain('it needs a passphrase')
  })

  it('through an agent, of whose keys IdentitiesOnly lets only the named be tried', async () => {
    const [good, bad] = [makeKey('ed25519', ''), scratch.file('unlisted')]
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', bad])
    const socket = scratch.file('agent')
    const begun = execFileSync('ssh-agent', ['-a', socket]).toString()
    scratch.onEnd(() => void process.kill(Number(/AGENT_PID=(\d+)/.exec(begun)?.[1]), 'SIGTERM'))
    execFileSync('ssh-add', ['-q', bad, good], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
    const agent = { IdentityAgent: 'SSH_AUTH_SOCK', IdentityFile: 'none' }
    const any = await run(`${connectTo(agent)} | connect exec -- id -un`, { SSH_AUTH_SOCK: socket })
    expect(any.stdout).toBe(`${users.sh}\n`)
    const only = (identity: string) =>
      run(`${connectTo({ ...agent, IdentityFile: identity, IdentitiesOnly: 'yes' })} --linger 0`, {
        SSH_AUTH_SOCK: socket,
      })
    expect(codeOf((await only(bad)).stdout)).toBe('AUTH_FAILED')
    expect((await only(good)).status).toBe(0)
  })

  it.each(['password', 'keyboard-interactive'])('by %s', async (method) => {
    const ssh = connectTo({ PreferredAuthentications: method })
    const { stdout, status } = await run(`${ssh} --password-file ${secret} | connect exec -- id -un`)
    expect([stdout, status]).toEqual([`${users.sh}\n`, 0])
  })
})

describe('the way', () => {
  it.each([
    ['a jump host', (jump: string) => ({ ProxyJump: jump })],
    ['a command', () => ({ ProxyCommand: 'nc %h %p' })],
  ])('through %s', async (_, options) => {
    const jump = connectTo().split(' ').at(-1) ?? ''
    const { stdout, stderr } = await run(`${connectTo(options(jump))} | connect exec -- id -un`)
    expect([stdout, stderr]).toEqual([`${users.sh}\n`, ''])
  })

  it('through a command that fails is an error with its words', async () => {
    const { stdout, status } = await run(connectTo({ ProxyCommand: 'sh -c "echo no way >&2; exit 3"' }))
    expect([codeOf(stdout), status]).toEqual(['HOST_UNREACHABLE', 1])
    expect(stdout).toMatch(/status 3: no way/)
  })

  it.each([1, 2])('with %d sessions a login', async (most) => {
    const server = await startSshd(scratch, [`MaxSessions ${most}`])
    const sudo = `${connectTo({}, server)} | connect sudo`
    expect((await run(`${sudo} | connect exec -- id -un`)).stdout).toBe('root\n')
  })

  it('by the ssh command', async () => {
    const ssh = `${connectTo()} --transport openssh`
    const { stdout, stderr, status } = await run(`${ssh} | connect exec -c -- 'id -un; exit 5'`)
    expect([stdout, stderr, status]).toEqual([`${users.sh}\n`, '', 5])
  })

  it('from one machine to the next, and as another user there', async () => {
    const first = connectTo()
    const second = connectTo({ User: users.bash })
    const pipeline = `${first} | connect sudo | ${second}`
    const { stdout, stderr } = await run(`${pipeline} | connect exec -- id -un`)
    expect([stdout, stderr]).toEqual([`${users.bash}\n`, ''])
    const [connection] = recordsOf((await run(`${pipeline} --linger 0`)).stdout)
    const [one, two] = [first, second].map((each) => each.split(' ').at(-1))
    expect(connection).toMatchObject({ host: two, hops: [`ssh:${one}`, 'sudo:root', `ssh:${two}`] })
  })
})
