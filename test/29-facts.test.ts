// Facts of a connection: found out once, natively or by one command, kept by hops that do not change them, and used
// by propapply.
// @needs-root: users, an sshd, root directories
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { startNamespaces } from './support/containers.ts'
import { ConnectionProxy } from './support/proxy.ts'
import { makeBusyboxRoot, makeDebianRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { exited, recordsOf, shell, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('facts')
const sshd = await startSshd(scratch)
const plain = makeUser(scratch, { shell: '/bin/bash', sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
sshd.addHost('web', { User: plain })
const ssh = `connect ssh -n -F ${sshd.config} web`

const busybox = makeBusyboxRoot(scratch, 'busybox', { users: { guest: 4711 } })
const debian = makeDebianRoot(scratch, 'debian', { users: { guest: 4711 } })
for (const root of [busybox, debian])
  writeFileSync(`${root}/etc/os-release`, `NAME="Small \\"System\\""\nID='small'\nVERSION_ID="3.1"\n`)
const pid = await startNamespaces(scratch, busybox, 'lxc')

const release = readFileSync('/etc/os-release', 'utf8')
const read = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1]
const here = { os: 'linux', arch: process.arch === 'x64' ? 'x86_64' : 'aarch64' }
const system = { ...here, distribution: read('ID'), version: read('VERSION_ID') }
const small = { ...here, distribution: 'small', version: '3.1' }

const factsOf = async (pipeline: string, env = {}) => {
  const { stdout, stderr } = await shell(pipeline, { env })
  expect(stderr).not.toMatch(/Error/)
  return recordsOf(stdout).find(({ type }) => type === 'facts')
}

describe('connect facts', () => {
  it.each([
    ['ssh → sudo', `${ssh} | connect sudo`, { user: 'root', uid: 0, gid: 0, home: '/root', ...system }],
    [
      'ssh → node',
      `${ssh} | connect node`,
      { user: plain, home: `/home/${plain}`, shell: '/bin/bash', ...system },
    ],
    [
      'chroot.shell → su',
      `connect chroot.shell -n ${debian} | connect su guest`,
      { user: 'guest', uid: 4711, gid: 4711, home: '/home/guest', shell: '/bin/sh', ...small },
    ],
    [
      'node → chroot.fork → setuid',
      `connect node -n | connect chroot.fork ${busybox} | connect setuid guest`,
      { user: 'guest', uid: 4711, gid: 4711, home: '/home/guest', shell: '/bin/sh', ...small },
    ],
    ['a container', `connect nsenter -n ${pid}`, { user: 'root', gid: 0, ...small, container: 'lxc' }],
  ])('of %s', async (_, pipeline, expected) => {
    expect(await factsOf(`${pipeline} 2>/dev/null | connect facts`)).toMatchObject(expected)
  })

  it('finds the same natively and by a command', async () => {
    const env = { HOME: scratch.file('home') }
    mkdirSync(env.HOME)
    const [byCommand, natively] = [
      await factsOf('connect facts -n', env),
      await factsOf('connect node -n | connect facts', env),
    ]
    expect(natively).toEqual(byCommand)
    expect(Object.values(natively ?? {})).not.toContain(undefined)
  })

  it('gives those that are asked for, and refuses what is none', async () => {
    expect(await factsOf('connect facts -n os uid')).toMatchObject({ os: 'linux', uid: 0 })
    expect(Object.keys((await factsOf('connect facts -n os uid')) ?? {})).toEqual([
      'type',
      'host',
      'os',
      'uid',
    ])
    expect((await shell('connect facts -n colour')).status).toBe(64)
  })

  it('asks once, and of what a hop does not change the connection beneath', async () => {
    const proxy = new ConnectionProxy(scratch)
    const bottom = startShell('exec connect local -n')
    const record = scratch.file('record')
    const su = startShell(`exec connect su | tee ${record}`, { input: proxy.filter(bottom) })
    const [line] = (await once(createInterface({ input: su.stdout as Readable }), 'line')) as [string]
    // A client that asks for nothing holds the connection open.
    const holder = connect((JSON.parse(line) as { socket: string }).socket)
    await once(holder, 'connect')
    const ask = async () => {
      const before = Object.values(proxy.requests).flat().length
      const facts = await factsOf(`connect facts <${record}`)
      return { facts, requests: Object.values(proxy.requests).flat().length - before }
    }
    const first = await ask()
    expect(first.facts).toMatchObject({ user: 'root', gid: 0, ...system })
    // A shell of su's, for who that is; then nothing.
    expect([first.requests, await ask()]).toEqual([1, { facts: first.facts, requests: 0 }])
    holder.destroy()
    await Promise.all([exited(bottom), exited(su)])
  })
})

describe('propapply', () => {
  it('applies only where the facts of the host are as the property says', async () => {
    const made = (name: string) => scratch.file(`made-${name}`)
    const apply = (name: string, where: object) => ({
      property: 'file.has-content',
      path: made(name),
      content: name,
      where,
    })
    const site = scratch.file('site.json')
    const all = [
      apply('one', { os: 'linux', distribution: ['nothing', system.distribution ?? null] }),
      apply('two', { os: 'freebsd' }),
      apply('three', { uid: 0, version: system.version ?? null }),
      apply('four', { distribution: [] }),
    ]
    writeFileSync(site, JSON.stringify(all))
    for (const chain of ['connect sudo -n', 'connect node -n']) {
      const { stdout, status } = await shell(`${chain} | propapply ${site}`)
      expect([recordsOf(stdout).filter(({ type }) => type === 'property').length, status]).toEqual([2, 0])
    }
    expect(['one', 'two', 'three', 'four'].map((name) => existsSync(made(name)))).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('says what a condition has to be', async () => {
    const faults = async (where: string) => {
      const { stderr, status } = await shell(
        `propapply -n -p 'file.has-content path=/nowhere content=x where=${where}'`,
      )
      expect(status).toBe(65)
      return stderr
    }
    expect(await faults('{"colour":"blue"}')).toContain('expected one of user, uid, gid')
    expect(await faults('{"os":{}}')).toContain('expected a value, or a list of them')
  })
})
