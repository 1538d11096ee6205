// @needs-root: users, root directories
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeBusyboxRoot, makeDebianRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell } from './support/shell.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('hops')
const password = `p'w "x" $y\\`
const secret = scratch.file('secret')
writeFileSync(secret, `${password}\n`, { mode: 0o644 })
writeFileSync(`${secret}.wrong`, 'no\n')

const plain = makeUser(scratch)
const fish = makeUser(scratch, { shell: '/usr/bin/fish', password })
const csh = makeUser(scratch, { shell: '/bin/csh', password })
const nologin = makeUser(scratch, { shell: '/usr/sbin/nologin', password })
const homeless = makeUser(scratch, { password, home: 'missing' })
const busybox = makeBusyboxRoot(scratch, 'busybox', { users: { guest: 4711 } })
const debian = makeDebianRoot(scratch, 'debian', { users: { guest: 4711 } })

const where = "exec -c -- 'id -un; echo $HOME; pwd'"
const mountsIn = (text: string) => text.split('\n').filter((line) => line.includes(scratch.path))
const refusal = (stdout: string) => recordsOf(stdout).find(({ type }) => type === 'error')

describe('connect su', () => {
  it.each([
    ['a user', () => plain],
    ['a user of fish', () => fish],
    ['a user of nologin', () => nologin],
  ])('becomes %s from root', async (_, user) => {
    const { stdout, status } = await shell(`connect su -n ${user()} | connect ${where}`)
    expect([stdout, status]).toEqual([`${user()}\n/home/${user()}\n/home/${user()}\n`, 0])
  })

  it('works at / for a user whose home is missing', async () => {
    const { stdout, status } = await shell(`connect su -n ${homeless} | connect ${where}`)
    expect([stdout, status]).toEqual([`${homeless}\n/home/${homeless}\n/\n`, 0])
  })

  it.each([
    ['fish', () => fish],
    ['csh', () => csh],
  ])('becomes a user of %s with a password, every byte as it is', async (_, user) => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_unused, i) => (i * 7) % 256))
    writeFileSync(scratch.file('bytes'), bytes)
    const hops = `connect su -n ${plain} | connect su ${user()} --password-file ${secret}`
    const [{ stdout }, copy] = [
      await shell(`${hops} | connect ${where}`),
      await shell(`${hops} | connect exec -i ${scratch.file('bytes')} -- cat`),
    ]
    expect(stdout).toBe(`${user()}\n/home/${user()}\n/home/${user()}\n`)
    expect(copy.bytes.equals(bytes)).toBe(true)
  })

  it.each([
    [
      'a wrong password',
      () => `${fish} --password-file ${secret}.wrong`,
      'SU_PASSWORD_WRONG',
      /password is wrong/,
    ],
    ['no password', () => fish, 'SU_PASSWORD_REQUIRED', /--password-file/],
    ['nologin', () => `${nologin} --password-file ${secret}`, 'SU_REFUSED', /currently not available/],
    ['an unknown user', () => `nobody-there --password-file ${secret}`, 'SU_REFUSED', /does not exist/],
  ])('refuses %s and says why', async (_, args, code, message) => {
    const { stdout, stderr, status } = await shell(`connect su -n ${plain} | connect su ${args()}`)
    expect([refusal(stdout)?.['code'], status]).toEqual([code, 1])
    expect(stderr).toMatch(message)
  })

  it('leaves no password and no shell text of ours in the environment', async () => {
    const hops = `connect su -n ${plain} | connect su ${csh} --password-file ${secret}`
    const { stdout } = await shell(`${hops} | connect exec -- env`)
    expect(stdout).not.toMatch(/pl_|x" \$y/)
  })
})

describe('connect as', () => {
  it('as uses su where there is no agent, and says so', async () => {
    const { stdout, stderr } = await shell(`connect as -n ${plain} --linger 0`)
    expect(recordsOf(stdout)[0]).toMatchObject({ hops: [`su:${plain}`], user: plain })
    expect(stderr).toBe(`connect: as:${plain}: using su, as there is no agent beneath\n`)
  })
})

describe('on an agent of root', () => {
  it('as, chroot and their like change a fresh agent', async () => {
    const { stdout, stderr } = await shell(
      `connect node -n | connect chroot ${busybox} | tee ${scratch.file('records')} | connect as guest | connect ${where}`,
    )
    expect([stdout, stderr]).toEqual(['guest\n/home/guest\n/\n', ''])
    expect(recordsOf(readFileSync(scratch.file('records'), 'utf8'))[0]).toMatchObject({
      hops: [expect.stringMatching(/^node/) as string, `chroot.fork:${busybox}`],
      kind: 'agent',
    })
  })
})

describe.each([
  ['busybox', busybox],
  ['Debian', debian],
])('connect chroot into %s', (_, root) => {
  it('arrives as root, with /proc and /dev, mounts of its own, and leaves none', async () => {
    const script =
      "exec -c -- 'id -u; echo $HOME; pwd; cat /proc/mounts; echo >/dev/null && ls -d /proc/self'"
    const { stdout, stderr, status } = await shell(`connect chroot.shell -n ${root} | connect ${script}`)
    expect([stderr, status]).toEqual(['', 0])
    expect(stdout).toMatch(/^0\n\/root\n\/root\n/)
    expect(stdout).toMatch(/ \/proc proc /)
    expect(stdout).toMatch(/\/proc\/self\n$/)
    expect(mountsIn(readFileSync('/proc/mounts', 'utf8'))).toEqual([])
  })

  it('keeps what one command mounts for the next', async () => {
    const script = '[ -e /tmp/n ] || mount -t tmpfs tmpfs /tmp; echo $$ >>/tmp/n; exec "$@"'
    const pipeline = `connect chroot.shell -n ${root} | connect wrap -- /bin/sh -c '${script}' sh | connect exec -- wc -l /tmp/n`
    const { stdout } = await shell(pipeline)
    expect(stdout).toBe('2 /tmp/n\n')
    expect(existsSync(join(root, 'tmp/n'))).toBe(false)
  })

  it('enters another in it', async () => {
    const inner = makeBusyboxRoot(scratch, join(root.slice(scratch.path.length + 1), 'inner'))
    const into = `connect chroot.shell -n ${root} | connect chroot.shell /inner`
    const { stdout, status } = await shell(
      `${into} | connect exec -c -- 'ls -d /inner; ls /proc/self/exe; echo hi >/tmp/h'`,
    )
    expect([stdout, status]).toEqual(['/proc/self/exe\n', 0])
    expect(readFileSync(join(inner, 'tmp/h'), 'utf8')).toBe('hi\n')
  })
})

describe('connect chroot', () => {
  it('uses chroot.shell where there is no agent, and says so', async () => {
    const { stdout, stderr } = await shell(`connect chroot -n ${busybox} --linger 0`)
    expect(recordsOf(stdout)[0]).toMatchObject({ hops: [`chroot.shell:${busybox}`], user: 'root', uid: 0 })
    expect(stderr).toBe(`connect: chroot:${busybox}: using chroot.shell, as there is no agent beneath\n`)
  })

  it('becomes a user of it', async () => {
    const { stdout } = await shell(`connect chroot.shell -n ${debian} | connect su guest | connect ${where}`)
    expect(stdout).toBe('guest\n/home/guest\n/\n')
  })

  it('takes a name with spaces, quotes, newlines', async () => {
    const root = makeBusyboxRoot(scratch, `a "b" 'c'\n$d`)
    const { stdout } = await shell('connect chroot.shell -n "$ROOT" | connect exec -- ls -d /bin', {
      env: { ROOT: root },
    })
    expect(stdout).toBe('/bin\n')
  })

  it('works in a directory that lacks /proc and /dev', async () => {
    const root = makeBusyboxRoot(scratch, 'bare')
    for (const name of ['proc', 'dev', 'sys', 'run']) rmdirSync(join(root, name))
    const { stdout, stderr } = await shell(`connect chroot.shell -n ${root} | connect exec -- ls /`)
    expect([stdout, stderr]).toEqual(['bin\netc\nlib\nlib64\nroot\nsbin\ntmp\nusr\n', ''])
  })

  it.each([
    ['a directory that is not there', () => `-n ${scratch.path}/none`, 'HOP_FAILED', /there is no directory/],
    [
      'a directory without a shell',
      () => `-n ${scratch.file('empty')}`,
      'HOP_NEEDS',
      /a \/bin\/sh in the directory/,
    ],
    ['a user who is not root', () => busybox, 'HOP_NEEDS', /root beneath it/],
  ])('refuses %s', async (_, args, code, message) => {
    mkdirSync(scratch.file('empty'), { recursive: true })
    const hop = args()
    const first = hop.startsWith('-n') ? '' : `connect su -n ${plain} | `
    const { stdout, status } = await shell(`${first}connect chroot ${hop}`)
    expect([refusal(stdout)?.['code'], status]).toEqual([code, 1])
    expect(refusal(stdout)?.['message']).toMatch(message)
  })
})

describe('connect wrap', () => {
  it.each([
    ['words', () => `-- setpriv --reuid ${plain} --clear-groups --`],
    ['text', () => `--text -- su ${plain} -c`],
  ])('gives the command to a program as %s', async (_, args) => {
    const { stdout } = await shell(`connect wrap -n ${args()} | connect ${where}`)
    expect(stdout).toBe(`${plain}\n/home/${plain}\n/home/${plain}\n`)
  })

  it('names the hop after its program, or as told', async () => {
    const [one, two] = [
      await shell('connect wrap -n --linger 0 /usr/bin/env A=1'),
      await shell('connect wrap -n --linger 0 --name web /usr/bin/env'),
    ]
    expect(recordsOf(one.stdout)[0]?.['hops']).toEqual(['wrap:env'])
    expect(recordsOf(two.stdout)[0]?.['hops']).toEqual(['wrap:web'])
  })

  it.each([
    ['that is not there', 'nosuch-program', /nosuch-program: not found/],
    ['that does not run the command', 'false', /its shell ended with status 1/],
    ['that says why', '/bin/sh -c "echo Forbidden: pod web-0 >&2; exit 3"', /Forbidden: pod web-0/],
  ])('refuses a program %s', async (_, program, message) => {
    const { stderr, status } = await shell(`connect wrap -n -- ${program}`)
    expect(stderr).toMatch(message)
    expect(status).toBe(1)
  })
})
