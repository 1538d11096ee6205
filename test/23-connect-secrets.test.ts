// @needs-root: users, an sshd, a look at all processes
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { Scratch } from './support/scratch.ts'
import { finish, recordsOf, shell, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('secrets')
const password = `S3cret-${randomBytes(8).toString('hex')}`
const wrong = `Wr0ng-${randomBytes(8).toString('hex')}`
const sshd = await startSshd(scratch)
const logs = scratch.file('logs')
const user = makeUser(scratch, {
  password,
  sudoers: `Defaults:USER logfile=${logs}/sudo.log,log_output,iolog_dir=${logs}/iolog\nUSER ALL=(ALL:ALL) ALL`,
})
const home = scratch.file('home')
for (const folder of [logs, home]) mkdirSync(folder)
const left = new Leftovers(scratch, [user])
const env = { ...left.env, HOME: home }
afterEach(() => left.expectNone())

// The only files that may hold them; they are nowhere below what is searched.
const keep = scratch.file('keep')
mkdirSync(keep, { mode: 0o700 })
writeFileSync(`${keep}/right`, `${password}\n`)
writeFileSync(`${keep}/wrong`, `${wrong}\n`)

sshd.addHost('bypassword', { User: user, PreferredAuthentications: 'password', PubkeyAuthentication: 'no' })
const ssh = `connect ssh -F ${sshd.config} bypassword`

/** Command lines and environments of all processes of this machine that hold a secret. */
function exposed(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`))
    .filter((path) => holdsSecret(readBytes(path)))
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    // It has ended.
    return Buffer.alloc(0)
  }
}

const holdsSecret = (bytes: Buffer | string) => bytes.includes(password) || bytes.includes(wrong)

/** Files below that hold a secret. */
function written(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(keep) && holdsSecret(readBytes(path)))
}

const systemLogs = ['/var/log/auth.log', '/var/log/syslog'].filter((path) => existsSync(path))
const searchAll = () => [
  ...[scratch.path, `/home/${user}`, '/run/sudo'].filter((path) => existsSync(path)).flatMap(written),
  ...systemLogs.filter((path) => holdsSecret(readBytes(path))),
]

describe('a password', () => {
  it('is searched for where it can be found', () => {
    expect(written(scratch.path)).toEqual([])
    writeFileSync(scratch.file('planted'), `x${password}x`)
    expect(written(scratch.path)).toEqual([scratch.file('planted')])
    writeFileSync(scratch.file('planted'), '')
  })

  it.each([
    ['a file', `--password-file ${keep}/right`],
    ['a command', `--password-command 'cat ${keep}/right'`],
    ['a descriptor', `--password-fd 9 9<${keep}/right`],
  ])('from %s is in no argument, environment, record, log or file', async (_, option) => {
    const [reached, go] = [scratch.file('reached'), scratch.file('go')]
    for (const fifo of [reached, go]) if (!existsSync(fifo)) execFileSync('mkfifo', [fifo])
    const site = scratch.file('site.ndjson')
    writeFileSync(
      site,
      [
        { property: 'cmd.single', command: `echo >${reached}; cat ${go}` },
        {
          property: 'cmd.single',
          command: 'ps -ef; env; cat /proc/[0-9]*/environ 2>/dev/null; echo fails; false',
        },
      ]
        .map((each) => `${JSON.stringify(each)}\n`)
        .join(''),
    )
    const pipeline = startShell(
      `${ssh} ${option} | tee ${logs}/ssh | connect sudo ${option} | tee ${logs}/sudo | propapply ${site}`,
      { env },
    )
    const finished = finish(pipeline)
    const state = { isReached: false }
    const arriving = Promise.race([readFile(reached), finished]).then(() => (state.isReached = true))
    const found = new Set<string>()
    while (!state.isReached) {
      for (const path of exposed()) found.add(path)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await arriving
    for (const path of exposed()) found.add(path)
    expect([...found]).toEqual([])
    await Promise.race([writeFile(go, ''), finished])
    const { stdout, stderr, status } = await finished
    expect(status).toBe(1)
    expect(recordsOf(stdout).map(({ result }) => result)).toEqual(['changed', 'failed', undefined])
    expect(holdsSecret(stdout + stderr + sshd.log())).toBe(false)
    expect(searchAll()).toEqual([])
  })

  it.each([
    ['ssh', `${ssh} --password-file ${keep}/wrong`, 'AUTH_FAILED'],
    [
      'sudo',
      `${ssh} --password-file ${keep}/right | connect sudo --password-file ${keep}/wrong`,
      'SUDO_PASSWORD_WRONG',
    ],
  ])('that is wrong for %s is in no error', async (_, pipeline, code) => {
    const { stdout, stderr, status } = await shell(pipeline, { env: { ...env, PLUMBLINE_TRACE: '1' } })
    expect(recordsOf(stdout)[0]).toMatchObject({ type: 'error', code })
    expect(status).toBe(1)
    expect(holdsSecret(stdout + stderr + sshd.log())).toBe(false)
    expect(searchAll()).toEqual([])
  })

  it('that sudo does not ask for is not taken for a command', async () => {
    const free = makeUser(scratch, { sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
    sshd.addHost('free', { User: free })
    writeFileSync(`${keep}/command`, `touch ${scratch.file('ran')}\n`)
    const sudo = `connect sudo --password-file ${keep}/command`
    const pipeline = `connect ssh -F ${sshd.config} free | ${sudo} | connect exec -- id -u`
    const { stdout, stderr, status } = await shell(pipeline, { env })
    expect([stdout, stderr, status]).toEqual(['0\n', '', 0])
    expect(existsSync(scratch.file('ran'))).toBe(false)
  })
})
