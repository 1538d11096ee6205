// @needs-root: users with sudo rights, an sshd
import { execFileSync, type ChildProcess } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { Relay } from './support/relay.ts'
import { Scratch } from './support/scratch.ts'
import { exited, finish, recordsOf, shell, startShell } from './support/shell.ts'
import { freePort, startSshd } from './support/sshd.ts'
import { until } from './support/until.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('faults')
const sshd = await startSshd(scratch)
const password = 'right'
const user = makeUser(scratch, { sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
const asked = makeUser(scratch, { password, sudoers: 'USER ALL=(ALL:ALL) ALL' })
const left = new Leftovers(scratch, [user, asked])
const { env } = left

const host = (alias: string, options: Record<string, string> = {}) => {
  sshd.addHost(alias, { User: user, ...options })
  return `connect ssh -F ${sshd.config} ${alias}`
}

const writeSite = (name: string, site: readonly object[]) => {
  writeFileSync(scratch.file(name), site.map((each) => `${JSON.stringify(each)}\n`).join(''))
  return scratch.file(name)
}

const closed = String(await freePort())
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const errorsOf = (stdout: string) => recordsOf(stdout).filter(({ type }) => type === 'error')

/** The sshd processes of the user's sessions, not the one that listens. */
const sessions = () =>
  execFileSync('pgrep', ['-u', user, '-f', `sshd: ${user}@`])
    .toString()
    .trim()
    .split('\n')
    .map(Number)

afterEach(() => left.expectNone())

describe('killed in the middle of a file', () => {
  const large = scratch.file('large')
  writeFileSync(large, Buffer.alloc(4_000_000, 'x'))

  /** ssh | sudo | propapply, held when part of the file has arrived. */
  async function startUpload(name: string) {
    const directory = scratch.file(name)
    mkdirSync(directory)
    writeFileSync(`${directory}/f`, 'old')
    const relay = await Relay.start(scratch, sshd.port)
    const site = writeSite(`${name}.ndjson`, [
      { property: 'file.uploaded', path: `${directory}/f`, source: large },
      { property: 'cmd.single', command: 'true' },
    ])
    const login = { Port: String(relay.port), HostKeyAlias: `[127.0.0.1]:${sshd.port}` }
    const held = relay.hold(1_500_000)
    const ssh = startShell(`exec ${host(name, login)}`, { env })
    const sudo = startShell('exec connect sudo', { env, input: outputOf(ssh) })
    const propapply = startShell(`exec propapply ${site}`, { env, input: outputOf(sudo) })
    await held
    await until(() => readdirSync(directory).some((each) => each.startsWith('.propapply')))
    const results = Promise.all([finish(propapply), exited(sudo), exited(ssh)])
    const finishAll = async () => {
      relay.release()
      const [result] = await results
      await left.expectNone()
      expect(readdirSync(directory)).toEqual(['f'])
      expect(readFileSync(`${directory}/f`, 'utf8')).toBe('old')
      return { ...result, statuses: [ssh.exitCode, sudo.exitCode] }
    }
    return { ssh, sudo, propapply, finishAll }
  }

  const lost = (name: string) => [
    { type: 'property', host: name, result: 'failed' },
    { type: 'property', host: name, result: 'skipped' },
    { type: 'error', tool: 'propapply', host: name, code: 'CONNECTION_LOST', retryable: true },
    { type: 'end', ok: false },
  ]

  it('propapply: both connects end', async () => {
    const { propapply, finishAll } = await startUpload('propapply')
    propapply.kill('SIGKILL')
    expect((await finishAll()).statuses).toEqual([0, 0])
  })

  it('connect sudo: propapply says so, and the connect below ends', async () => {
    const { sudo, finishAll } = await startUpload('sudo')
    sudo.kill('SIGKILL')
    const { stdout, status, statuses } = await finishAll()
    expect(recordsOf(stdout)).toMatchObject(lost('sudo'))
    expect([status, ...statuses]).toEqual([1, 0, null])
  })

  it('connect ssh: the connect above and propapply say so', async () => {
    const { ssh, finishAll } = await startUpload('ssh')
    ssh.kill('SIGKILL')
    const { stdout, status, statuses } = await finishAll()
    expect(recordsOf(stdout)).toMatchObject(lost('ssh'))
    expect([status, ...statuses]).toEqual([1, null, 1])
  })

  it('sshd: all of them say so', async () => {
    const { finishAll } = await startUpload('sshd')
    for (const pid of sessions()) process.kill(pid, 'SIGKILL')
    const { stdout, status, statuses } = await finishAll()
    expect(recordsOf(stdout)).toMatchObject(lost('sshd'))
    expect([status, ...statuses]).toEqual([1, 1, 1])
  })
})

const outputOf = ({ stdout }: ChildProcess): AsyncIterable<Buffer> => {
  if (!stdout) throw new Error('no output')
  return stdout
}

describe('a FIFO that nobody writes', () => {
  const fifo = scratch.file('unwritten')
  execFileSync('mkfifo', [fifo])

  it.each([
    ['put', `put ${fifo} ${scratch.file('unwritten-copy')}`, 1],
    ['exec', `exec -i ${fifo} -- cat`, 69],
  ])('does not hold connect %s when its connection is lost', async (_, verb, status) => {
    const local = startShell('exec connect local -n', { env })
    const ended = exited(local)
    const consumer = startShell(`exec connect ${verb}`, { env, input: outputOf(local) })
    const finished = finish(consumer)
    await until(() => isReading(fifo))
    local.kill('SIGKILL')
    await ended
    expect(await finished).toMatchObject({ status, stderr: expect.stringContaining('was lost') })
  })
})

/** Whether a process has the file open. */
function isReading(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}

describe('a host that cannot be reached', () => {
  it('whose settings ssh cannot tell', async () => {
    const config = scratch.file('hanging_config')
    writeFileSync(config, 'Match exec "exec sleep 1000"\n  User nobody\n')
    const { stdout, status } = await shell(`connect ssh -n -F ${config} --timeout 500ms hanging`, { env })
    expect(errorsOf(stdout)).toMatchObject([{ code: 'HOP_TIMEOUT', host: 'hanging', retryable: true }])
    expect(status).toBe(1)
  })

  it('whose network goes silent in the middle of a run', async () => {
    const relay = await Relay.start(scratch, sshd.port)
    const fifo = scratch.file('silent')
    execFileSync('mkfifo', ['-m', '666', fifo])
    const site = writeSite('silent.ndjson', [
      { property: 'cmd.single', command: `echo >${fifo}; exec sleep 600` },
    ])
    const ssh = host('silent', {
      Port: String(relay.port),
      HostKeyAlias: `[127.0.0.1]:${sshd.port}`,
      ServerAliveInterval: '1',
      ServerAliveCountMax: '1',
    })
    const pipeline = startShell(`${ssh} | connect sudo | propapply ${site}`, { env })
    await readFile(fifo)
    relay.silence()
    const { stdout, stderr, status } = await finish(pipeline)
    expect(errorsOf(stdout)).toMatchObject([{ code: 'CONNECTION_LOST', host: 'silent', retryable: true }])
    expect(stderr).toContain('it no longer answers')
    expect(status).toBe(1)
    // The far side learns of it when its own end of the connection breaks.
    relay.cut()
  })

  it.each([
    ['unknown', 'HOST_UNKNOWN', { HostName: 'no-such-host.invalid' }],
    ['refused', 'HOST_UNREACHABLE', { Port: closed }],
  ])('%s', async (alias, code, options) => {
    const { stdout, stderr, status } = await shell(`${host(alias, options)} | connect sudo`, { env })
    expect(recordsOf(stdout)).toMatchObject([
      { type: 'error', tool: 'connect', code, host: alias, hop: `ssh:${alias}` },
      { type: 'end', ok: false },
    ])
    expect(stderr).toMatch(/^connect: Cannot (find|reach) .*\n$/)
    expect(status).toBe(1)
  })

  it('that accepts and says nothing', async () => {
    const mute = createServer().listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const ssh = host('mute', { Port: String((mute.address() as AddressInfo).port) })
    const { stdout, status } = await shell(`${ssh} --timeout 300ms`, { env })
    expect(errorsOf(stdout)).toMatchObject([{ code: 'HOST_UNREACHABLE', host: 'mute', retryable: true }])
    expect(status).toBe(1)
    mute.close()
  })

  it('that shows another key: the error names file and line', async () => {
    const known = scratch.file('other_hosts')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', scratch.file('other')])
    const key = readFileSync(scratch.file('other.pub'), 'utf8')
    writeFileSync(known, `# a comment\n[127.0.0.1]:${sshd.port} ${key}`)
    const { stdout, status } = await shell(host('otherkey', { UserKnownHostsFile: known }), { env })
    const [error] = errorsOf(stdout)
    expect(error).toMatchObject({ code: 'HOST_KEY_MISMATCH', host: 'otherkey', retryable: false })
    expect(error?.['message']).toContain(`${known}, line 2`)
    expect(status).toBe(1)
  })

  it('is one of ten: nine are done', async () => {
    const aliases = range(10).map((index) => `ten${index}`)
    for (const alias of aliases) host(alias, alias === 'ten6' ? { Port: closed } : {})
    const root = scratch.file('ten')
    mkdirSync(root)
    const site = writeSite(
      'ten.ndjson',
      aliases.map((alias) => ({
        property: 'file.has-content',
        path: `${root}/${alias}`,
        content: alias,
        host: alias,
      })),
    )
    const ssh = `connect ssh -F ${sshd.config} ${aliases.join(' ')}`
    const { stdout, status } = await shell(`${ssh} | connect sudo | propapply ${site}`, { env })
    expect(readdirSync(root).sort()).toEqual(aliases.filter((alias) => alias !== 'ten6'))
    expect(errorsOf(stdout)).toMatchObject([{ code: 'HOST_UNREACHABLE', host: 'ten6' }])
    expect(recordsOf(stdout).at(-1)).toMatchObject({ ok: false, counts: { changed: 9, failed: 0 } })
    expect(status).toBe(1)
  })
})

describe('a far side that cannot do it', () => {
  it('for a wrong password of sudo', async () => {
    writeFileSync(scratch.file('wrong'), 'wrong\n', { mode: 0o600 })
    const ssh = host('wrong', { User: asked })
    const sudo = `connect sudo --password-file ${scratch.file('wrong')}`
    const { stdout, status } = await shell(
      `${ssh} | ${sudo} | propapply -p 'cmd.single command="touch ${scratch.file('no')}"'`,
      { env },
    )
    expect(errorsOf(stdout)).toMatchObject([
      { code: 'SUDO_PASSWORD_WRONG', host: 'wrong', hop: 'sudo', retryable: false },
    ])
    expect(status).toBe(1)
    expect(readdirSync(scratch.path)).not.toContain('no')
  })

  it('for a full disk', async () => {
    const disk = scratch.file('disk')
    mkdirSync(disk)
    // sshd has mounts of its own.
    const there = ['--mount', '--target', String(sshd.process.pid)]
    execFileSync('nsenter', [...there, 'mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])
    const seen = `/proc/${sshd.process.pid}/root${disk}`
    writeFileSync(`${seen}/f`, 'old\n')
    writeFileSync(scratch.file('source'), Buffer.alloc(2_000_000, 'y'))
    const site = writeSite('full.ndjson', [
      { property: 'file.uploaded', path: `${disk}/f`, source: scratch.file('source') },
      { property: 'file.has-content', path: `${disk}/f`, content: 'x'.repeat(300_000) },
      { property: 'file.has-content', path: scratch.file('elsewhere'), content: 'x' },
    ])
    const { stdout, status } = await shell(`${host('full')} | connect sudo | propapply ${site}`, { env })
    expect(recordsOf(stdout)).toMatchObject([
      { result: 'failed', message: expect.stringContaining('No space left on device') },
      { result: 'failed', message: expect.stringContaining('No space left on device') },
      { result: 'changed' },
      { type: 'end', ok: false },
    ])
    expect(status).toBe(1)
    expect(readdirSync(seen)).toEqual(['f'])
    expect(readFileSync(`${seen}/f`, 'utf8')).toBe('old\n')
    const put = `${host('fullput')} | connect sudo | connect put ${scratch.file('source')} ${disk}/f`
    const written = await shell(put, { env })
    expect(errorsOf(written.stdout)).toMatchObject([{ code: 'FILE_UNWRITABLE', host: 'fullput' }])
    expect(readdirSync(seen)).toEqual(['f'])
    expect(readFileSync(`${seen}/f`, 'utf8')).toBe('old\n')
  })
})
