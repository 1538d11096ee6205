// @needs-root: users, an sshd, root directories
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ConnectionProxy } from './support/proxy.ts'
import { makeBusyboxRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { exited, finish, recordsOf, shell, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('agent')
const sshd = await startSshd(scratch)
const free = makeUser(scratch, { sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
const plain = makeUser(scratch, {})
sshd.addHost('free', { User: free })
const busybox = makeBusyboxRoot(scratch, 'busybox', { users: { inside: 4711 } })
chmodSync(busybox, 0o755)

const hop = (words: string) => `connect ${words}`
const ssh = hop(`ssh -F ${sshd.config} free`)
const home = scratch.file('home')
mkdirSync(home, { mode: 0o700 })
const env = { HOME: home, XDG_CACHE_HOME: undefined }
const cached = () => readdirSync(`${home}/.cache/plumbline`)
const here = (words: string) => shell(words, { env })
const code = (stdout: string) => recordsOf(stdout).find(({ type }) => type === 'error')?.['code']

describe('connect node', () => {
  it('emits an agent connection, and keeps the agent privately', async () => {
    const { stdout, stderr, status } = await here('connect node -n --linger 0')
    const [connection] = recordsOf(stdout)
    expect([stderr, status]).toEqual(['', 0])
    expect(connection).toMatchObject({ kind: 'agent', hops: ['node'], user: 'root', uid: 0, home })
    const directory = `${home}/.cache/plumbline`
    const [file = '', ...others] = cached()
    expect(others).toEqual([])
    expect(file).toMatch(/^agent-[0-9a-f]{64}$/)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(`${directory}/${file}`).mode & 0o777).toBe(0o600)
  })

  it('uses what it kept only if that is what it was', async () => {
    const [file = ''] = cached()
    const path = `${home}/.cache/plumbline/${file}`
    const good = readFileSync(path)
    const inode = () => statSync(path).ino
    const first = inode()
    expect((await here('connect node -n | connect exec -- true')).status).toBe(0)
    expect(inode()).toBe(first)
    const spoil: (() => void)[] = [
      () => writeFileSync(path, Buffer.concat([good, Buffer.from('x')])),
      () => chmodSync(path, 0o666),
      () => (rmSync(path), symlinkSync('/etc/passwd', path)),
    ]
    for (const each of spoil) {
      each()
      expect((await here('connect node -n | connect exec -- true')).status).toBe(0)
      expect(readFileSync(path).equals(good)).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o600)
    }
  })

  it('keeps nothing where others may write, nor when told not to', async () => {
    const open = scratch.file('open')
    mkdirSync(`${open}/.cache/plumbline`, { recursive: true })
    chmodSync(`${open}/.cache/plumbline`, 0o777)
    const run = 'connect node -n | connect exec -- id -un'
    expect((await shell(run, { env: { HOME: open } })).stdout).toBe('root\n')
    expect(readdirSync(`${open}/.cache/plumbline`)).toEqual([])
    const none = scratch.file('none')
    mkdirSync(none)
    const { stdout } = await shell(run.replace('-n', '-n --no-cache'), { env: { HOME: none } })
    expect([stdout, readdirSync(none)]).toEqual(['root\n', []])
  })

  it.each([
    ['a Node that is not there', '--node /nonexistent'],
    ['a Node that is too old', `--node ${scratch.file('old')}`],
    ['something that is no program', '--node /etc/passwd'],
  ])('refuses %s', async (_, options) => {
    // What the loader does under such a version, without one.
    writeFileSync(scratch.file('old'), '#!/bin/sh\nexit 93\n', { mode: 0o755 })
    const { stdout, status } = await here(`connect node -n --no-install ${options}`)
    expect([code(stdout), status]).toEqual(['NODE_MISSING', 1])
  })
})

describe('hops on an agent', () => {
  it('setuid becomes another user, with its groups and nothing of the environment', async () => {
    execFileSync('usermod', ['-aG', 'games', plain])
    const { stdout } = await shell(
      `connect node -n | connect setuid ${plain} | connect exec -c 'id -un; id -Gn; pwd; echo $HOME $USER $SECRET'`,
      { env: { SECRET: 'mine' } },
    )
    expect(stdout).toBe(`${plain}\n${plain} games\n/home/${plain}\n/home/${plain} ${plain}\n`)
  })

  it('chroot.fork enters a directory without any Node', async () => {
    const { stdout, stderr } = await shell(
      `connect node -n | connect chroot.fork ${busybox} | connect exec -c 'id -un; ls /; pwd'`,
    )
    expect(stderr).toBe('')
    expect(stdout).toBe(
      'root\nbin\ndev\netc\nhome\nlib\nlib64\nproc\nroot\nrun\nsbin\nsys\ntmp\nusr\n/root\n',
    )
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(busybox)
  })

  it('chroot and as take the agent where there is one', async () => {
    const { stdout, stderr } = await shell(
      `connect node -n | connect chroot ${busybox} | connect as inside | tee ${scratch.file('r')} | connect exec id`,
    )
    expect([stdout, stderr]).toEqual(['uid=4711(inside) gid=4711(inside) groups=4711(inside)\n', ''])
    const [connection] = recordsOf(readFileSync(scratch.file('r'), 'utf8'))
    expect(connection).toMatchObject({
      kind: 'agent',
      hops: ['node', `chroot.fork:${busybox}`, 'setuid:inside'],
      home: '/home/inside',
    })
  })

  it.each([
    ['setuid without an agent', 'connect local -n | connect setuid daemon', 'HOP_NEEDS'],
    ['setuid without root', `connect node -n | connect setuid daemon | connect setuid root`, 'HOP_NEEDS'],
    ['setuid to nobody known', 'connect node -n | connect setuid no-such-user', 'ACCOUNT_UNKNOWN'],
    ['a directory that is not there', 'connect node -n | connect chroot.fork /nonexistent', 'HOP_FAILED'],
    ['a process that is not there', 'connect node -n | connect setns 4194304', 'HOP_FAILED'],
  ])('refuses %s at once', async (_, line, expected) => {
    const { stdout, status } = await shell(line)
    expect([code(stdout), status]).toEqual([expected, 1])
  })
})

describe('propapply on an agent', () => {
  const tree = scratch.file('tree')
  const site = scratch.file('site.json')
  const names = Array.from({ length: 20 }, (_, index) => `${tree}/${index}`)
  const owner = { owner: 'daemon', group: 'daemon' }
  writeFileSync(
    site,
    JSON.stringify([
      { property: 'file.directory-exists', path: tree, mode: '0750', ...owner },
      ...names.map((path) => ({ property: 'file.has-content', path, content: `${path}\n` })),
      { property: 'file.contains-lines', path: names[0], lines: ['one', 'two'] },
      { property: 'file.symlinked', path: `${tree}/link`, target: '0' },
      { property: 'cmd.single', command: `: >${tree}/made`, creates: `${tree}/made` },
    ]),
  )
  const run = async () => {
    const proxy = new ConnectionProxy(scratch)
    const agent = startShell('exec connect node -n')
    const propapply = startShell(`exec propapply ${site}`, { input: proxy.filter(agent) })
    const { stdout } = await finish(propapply)
    await exited(agent)
    const results = recordsOf(stdout).flatMap(({ type, result }) => (type === 'property' ? [result] : []))
    return { results, requests: Object.values(proxy.requests).flat() }
  }

  it('makes one run for what is to be done, and none when nothing is', async () => {
    const first = await run()
    expect(first).toEqual({ results: Array(24).fill('changed'), requests: ['run'] })
    // The file that had a line added has another content than its first property says.
    writeFileSync(names[0] ?? '', `${names[0]}\n`)
    const second = await run()
    expect(second.results).toEqual([...Array(21).fill('ok'), 'changed', 'ok', 'ok'])
    expect(second.requests).toEqual(['run'])
    const applications = JSON.parse(readFileSync(site, 'utf8')) as object[]
    writeFileSync(site, JSON.stringify(applications.filter((_, index) => index !== 1)))
    const third = await run()
    expect(third).toEqual({ results: Array(23).fill('ok'), requests: [] })
  })
})

describe('ssh→sudo→node→chroot.fork→setuid', () => {
  const chain = `${ssh} | connect sudo | connect node | connect chroot.fork ${busybox} | connect setuid inside`
  const work = `${busybox}/home/inside`
  mkdirSync(work, { recursive: true })
  execFileSync('chown', ['4711:4711', work])

  it('passes every byte, apart, with the status', async () => {
    const bytes = Buffer.from(Array.from({ length: 65536 }, (_, index) => (index * 7) % 256))
    writeFileSync(scratch.file('bytes'), bytes)
    const { stdout, status } = await shell(`${chain} | connect exec -i ${scratch.file('bytes')} -- cat`).then(
      (result) => ({ stdout: result.bytes, status: result.status }),
    )
    expect([stdout.equals(bytes), status]).toEqual([true, 0])
    const apart = await shell(`${chain} | connect exec -c 'echo out; echo err >&2; exit 7'`)
    expect(apart).toMatchObject({ stdout: 'out\n', stderr: 'err\n', status: 7 })
  })

  it('puts and gets under any name', async () => {
    const name = `-rf it's "so"\ntwo  früh ☀`
    const content = randomBytes(200_000)
    writeFileSync(scratch.file('content'), content)
    const to = `/home/inside/${name}`
    const script = `${chain} | connect put --mode 0640 ${scratch.file('content')} "$TO" && ${chain} | connect get "$TO" >${scratch.file('back')}`
    const { status, stderr } = await shell(script, { env: { TO: to } })
    expect([status, stderr]).toEqual([0, ''])
    expect(readFileSync(scratch.file('back')).equals(content)).toBe(true)
    const stat = statSync(`${busybox}${to}`)
    expect([stat.mode & 0o777, stat.uid]).toEqual([0o640, 4711])
  })
})
