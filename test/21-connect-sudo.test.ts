// @needs-root: users with sudo rights, an sshd
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('sudo')
const password = `p'w "x" $y\\`
const sshd = await startSshd(scratch)
const secret = scratch.file('secret')
writeFileSync(secret, `${password}\n`, { mode: 0o600 })
writeFileSync(`${secret}.wrong`, 'no\n')

const all = 'USER ALL=(ALL:ALL)'
const free = makeUser(scratch, { shell: '/bin/bash', sudoers: `${all} NOPASSWD: ALL` })
const sudoLog = scratch.file('sudo.log')
const asked = makeUser(scratch, { password, sudoers: `Defaults:USER logfile=${sudoLog}\n${all} ALL` })
const strict = makeUser(scratch, {
  password,
  sudoers: `Defaults:USER requiretty,use_pty,log_output,iolog_dir=${scratch.path}/iolog\n${all} ALL`,
})
const stranger = makeUser(scratch, { password })
for (const [alias, user] of Object.entries({ free, asked, strict, stranger }))
  sshd.addHost(alias, { User: user })

const chain = (host: string, options = '') =>
  `connect ssh -F ${sshd.config} ${host} | connect sudo ${options}`
const code = (stdout: string) => recordsOf(stdout).find(({ type }) => type === 'error')?.['code']

describe('connect sudo', () => {
  it('becomes root without a password', async () => {
    const { stdout, status } = await shell(
      `${chain('free')} | connect exec -- sh -c 'id -un; echo $HOME; pwd'`,
    )
    expect([stdout, status]).toEqual(['root\n/root\n/root\n', 0])
  })

  it('names both hops and where it has arrived', async () => {
    const { stdout } = await shell(`${chain('free', `-u ${asked} --linger 0`)}`)
    const [connection] = recordsOf(stdout)
    expect(connection).toMatchObject({ host: 'free', hops: ['ssh:free', `sudo:${asked}`], user: asked })
    expect(connection?.['home']).toBe(`/home/${asked}`)
  })

  it.each([['asked'], ['strict'], ['free']])('becomes root with a password: %s', async (host) => {
    const pipeline = `${chain(host, `--password-file ${secret}`)} | connect exec -i ${scratch.file('bytes')} -- cat`
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256))
    writeFileSync(scratch.file('bytes'), bytes)
    const result = await shell(pipeline)
    expect([result.stderr, result.status]).toEqual(['', 0])
    expect(result.bytes.equals(bytes)).toBe(true)
  })

  it('keeps stdout and stderr apart where sudo wants a terminal', async () => {
    const pipeline = `${chain('strict', `--password-file ${secret}`)} | connect exec -c -- 'echo out; echo err >&2; exit 5'`
    const { stdout, stderr, status } = await shell(pipeline)
    expect([stdout, stderr, status]).toEqual(['out\n', 'err\n', 5])
  })

  it.each([
    ['a wrong password', 'asked', `--password-file ${secret}.wrong`, 'SUDO_PASSWORD_WRONG'],
    ['no password', 'asked', '', 'SUDO_PASSWORD_REQUIRED'],
    ['a user who may not', 'stranger', `--password-file ${secret}`, 'SUDO_REFUSED'],
    ['an unknown user', 'free', '-u nobody-of-that-name', 'SUDO_REFUSED'],
  ])('refuses %s at once', async (_, host, options, expected) => {
    const { stdout, stderr, status } = await shell(chain(host, options))
    expect(code(stdout)).toBe(expected)
    expect(stderr).toMatch(/^connect: Cannot enter sudo:/)
    expect(status).toBe(1)
  })

  it('gives a wrong password to sudo once only', async () => {
    writeFileSync(sudoLog, '')
    await shell(chain('asked', `--password-file ${secret}.wrong`))
    expect(readFileSync(sudoLog, 'utf8')).toContain('1 incorrect password attempt')
  })

  it('reads the password from a descriptor and from a command', async () => {
    const run = '| connect exec -- id -un'
    const byDescriptor = await shell(`${chain('asked', '--password-fd 7')} 7<${secret} ${run}`)
    const byCommand = await shell(`${chain('asked', `--password-command 'cat ${secret}'`)} ${run}`)
    expect([byDescriptor.stdout, byCommand.stdout]).toEqual(['root\n', 'root\n'])
  })
})
