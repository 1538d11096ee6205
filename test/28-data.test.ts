import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isRoot } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'

const scratch = new Scratch('data')
const there = scratch.file('there')
mkdirSync(there)
const secret = 'correct horse\0battery\n'
const write = (name: string, content: string | Buffer) => {
  mkdirSync(dirname(scratch.file(name)), { recursive: true })
  writeFileSync(scratch.file(name), content)
  return scratch.file(name)
}

// A key without a passphrase, and a password store that it opens.
const gnupg = scratch.file('gnupg')
mkdirSync(gnupg, { mode: 0o700 })
const env = {
  GNUPGHOME: gnupg,
  PASSWORD_STORE_DIR: scratch.file('store'),
  TOKEN: 'of the environment',
  GIT_CONFIG_GLOBAL: '/dev/null',
}
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, {
    env: { ...process.env, ...env },
    stdio: 'pipe',
    cwd: scratch.path,
  }).toString()
run(
  'gpg',
  '--batch',
  '--quiet',
  '--passphrase',
  '',
  '--quick-generate-key',
  'test@example.org',
  'default',
  'default',
  'never',
)
scratch.onEnd(() => void run('gpgconf', '--kill', 'all'))
run(
  'gpg',
  '--batch',
  '--quiet',
  '--trust-model',
  'always',
  '-r',
  'test@example.org',
  '-o',
  'secret.gpg',
  '-e',
  write('plain', secret),
)
run('pass', 'init', 'test@example.org')
execFileSync('pass', ['insert', '-m', 'web/key'], {
  env: { ...process.env, ...env },
  input: secret,
  stdio: 'pipe',
})

const git = (...args: string[]) =>
  run('git', '-C', scratch.file('repository'), '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args)
write('repository/a file', 'one\n')
git('init', '-q')
git('add', '.')
git('commit', '-qm', 'first')
git('tag', 'v1')
write('repository/a file', 'two\n')
git('commit', '-qam', 'second')

type Fields = Record<string, unknown>
let sites = 0
const site = (...applications: Fields[]) => write(`site${sites++}.json`, JSON.stringify(applications))
const target = (name: string) => `${there}/${name}`
const content = (name: string) => readFileSync(target(name), 'latin1')
const mode = (name: string) => statSync(target(name)).mode & 0o777
const resultsOf = (stdout: string) =>
  recordsOf(stdout).flatMap(({ type, result }) => (type === 'property' ? [result] : []))
const apply = (path: string, options = '') => shell(`propapply -n ${options} ${path}`, { env })

describe('data', () => {
  it.each([
    ['gpg', 'gpg:secret.gpg', secret],
    ['pass', 'pass:web/key', secret],
    ['env', 'env:TOKEN', env.TOKEN],
    ['command', 'command:printf "%s" "$TOKEN"; pwd', `${env.TOKEN}${scratch.path}\n`],
  ])(
    'of %s arrives as it is, readable by its owner only, and is never shown',
    async (name, data, expected) => {
      const path = site(
        { property: 'file.has-content', path: target(`${name}.a`), data },
        { property: 'file.uploaded', path: target(`${name}.b`), source: data },
      )
      const { stdout, stderr, status } = await apply(path, '--diff')
      expect([resultsOf(stdout), status, stderr]).toEqual([['changed', 'changed'], 0, ''])
      for (const file of [`${name}.a`, `${name}.b`])
        expect([content(file), mode(file)]).toEqual([expected, 0o600])
      expect(stdout).not.toContain(expected.slice(0, 10))
      expect(resultsOf((await apply(path)).stdout)).toEqual(['ok', 'ok'])
    },
  )

  it('of a file and a tree of files, for one host or for all', async () => {
    const host = execFileSync('hostname').toString().trim()
    write('files/one', 'plain\n')
    write(`tree/${host}${target('mine')}`, 'for this host\n')
    write(`tree/_all${target('all')}`, 'for all\n')
    const { stdout } = await apply(
      site(
        { property: 'file.uploaded', path: target('one'), source: 'file:files/one' },
        { property: 'file.uploaded', path: target('mine'), source: 'files-tree:tree', host },
        { property: 'file.has-content', path: target('all'), data: 'files-tree:tree' },
      ),
    )
    expect(resultsOf(stdout)).toEqual(['changed', 'changed', 'changed'])
    expect(['one', 'mine', 'all'].map(content)).toEqual(['plain\n', 'for this host\n', 'for all\n'])
    expect(mode('one')).toBe(0o644)
  })

  it('of git is the files of a revision', async () => {
    const unpack = (name: string) => execFileSync('tar', ['-xOf', target(name), 'a file']).toString()
    const path = site(
      { property: 'file.uploaded', path: target('v1.tar'), source: 'git:repository#v1' },
      { property: 'file.uploaded', path: target('head.tar'), source: 'git:repository' },
    )
    expect(resultsOf((await apply(path)).stdout)).toEqual(['changed', 'changed'])
    expect([unpack('v1.tar'), unpack('head.tar')]).toEqual(['one\n', 'two\n'])
    expect(resultsOf((await apply(path)).stdout)).toEqual(['ok', 'ok'])
    expect(execFileSync('tar', ['-tf', target('head.tar')]).toString()).toBe('a file\n')
  })

  it.skipIf(!isRoot)('is asked for once, whatever wants it, and sent where it differs', async () => {
    const sshd = await startSshd(scratch)
    sshd.addHost('one')
    sshd.addHost('two')
    const asked = scratch.file('asked')
    const data = `command:echo asked >>${asked}; printf %s "$TOKEN"`
    const path = site(
      { property: 'file.uploaded', path: target('of-one'), source: data, host: 'one' },
      { property: 'file.uploaded', path: target('of-two'), source: data, host: 'two' },
    )
    appendFileSync(target('of-two'), 'another')
    const { stdout, status } = await shell(`connect ssh -F ${sshd.config} one two | propapply ${path}`, {
      env,
    })
    expect([resultsOf(stdout), status]).toEqual([['changed', 'changed'], 0])
    expect([content('of-one'), content('of-two')]).toEqual([env.TOKEN, env.TOKEN])
    expect(readFileSync(asked, 'utf8')).toBe('asked\n')
  })

  it.each([
    ['a variable', 'env:NO_SUCH_VARIABLE', 'Cannot get env:NO_SUCH_VARIABLE: there is no such variable'],
    ['an entry', 'pass:no/such', 'Cannot get pass:no/such: Error: no/such is not in the password store.'],
    ['a file', 'gpg:none.gpg', 'Cannot get gpg:none.gpg: gpg: can'],
    ['a revision', 'git:repository#none', 'Cannot get git:repository#none: fatal: Needed a single revision'],
    ['a success', 'command:echo why >&2; exit 3', 'Cannot get what a command prints: why'],
    ['a host', 'files-tree:tree', 'Cannot read "'],
  ])('refuses what lacks %s before anything is done', async (_, data, expected) => {
    const { stdout, stderr, status } = await apply(
      site(
        { property: 'file.has-content', path: target('never'), content: 'x' },
        { property: 'file.has-content', path: target('none'), data },
      ),
    )
    expect([stdout, status]).toEqual(['', 65])
    expect(stderr).toContain(`field "data": ${expected}`)
    expect(existsSync(target('never'))).toBe(false)
  })
})
