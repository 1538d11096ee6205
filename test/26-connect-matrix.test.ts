// Hops on hops: every pair that can be real here, and long chains. Each carries every byte, status and name as it is.
// @needs-root: users, an sshd, containers of root
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { startLxc, startNamespaces, startPodman } from './support/containers.ts'
import { makeDebianRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { finish, shell, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('matrix')
const sshd = await startSshd(scratch)
const free = makeUser(scratch, { shell: '/bin/bash', sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
sshd.addHost('root', { User: 'root' })
sshd.addHost('free', { User: free })
const debian = makeDebianRoot(scratch, 'debian', { users: { guest: 4711 } })
makeDebianRoot(scratch, 'debian/inner', { users: { guest: 4711 } })
const lxcPath = scratch.file('lxc')
const lxc = startLxc(scratch, makeDebianRoot(scratch, 'lxc-root'), lxcPath)
const podman = startPodman(scratch, makeDebianRoot(scratch, 'podman-root'))
// Of this machine's own root directory, so that any hop can follow; of a small one; both on this network.
const [like, box] = [
  await startNamespaces(scratch, '/', 'like', 'mpiu'),
  await startNamespaces(scratch, debian, 'box'),
]

const ssh = (host: string) => `ssh -F ${sshd.config} ${host}`
const everywhere: Record<string, string> = {
  ssh: ssh('root'),
  sudo: 'sudo',
  su: 'su root',
  as: 'as root',
  chroot: 'chroot.shell /',
  nsenter: `nsenter ${like}`,
  wrap: 'wrap -- env PL_TEST=1',
}
const last: Record<string, string> = {
  ...everywhere,
  ...(lxc.failure === undefined && { lxc: `lxc --path ${lxcPath} ${lxc.name}` }),
  ...(podman.failure === undefined && { podman: `podman ${podman.name}` }),
}
// In a namespace of processes there is none of the numbers by which this machine knows them.
const isOutOfSight = (a: string, b: string) => a === 'nsenter' && ['nsenter', 'lxc', 'podman'].includes(b)
const pairs = Object.entries(everywhere).flatMap(([a, lower]) =>
  Object.entries(last)
    .filter(([b]) => !isOutOfSight(a, b))
    .map(([b, upper]): [string, string[]] => [`${a} → ${b}`, [lower, upper]]),
)
const chains: [string, string[], string][] = [
  ['ssh → sudo → chroot → su', [ssh('free'), 'sudo', `chroot.shell ${debian}`, 'su guest'], 'guest'],
  ['ssh → ssh → sudo', [ssh('root'), ssh('free'), 'sudo'], 'root'],
  ['sudo → su → sudo', ['sudo', `su ${free}`, 'sudo'], 'root'],
  ['ssh → nsenter', [ssh('root'), `nsenter ${box}`], 'root'],
  ['chroot → chroot', [`chroot.shell ${debian}`, 'chroot.shell /inner', 'su guest'], 'guest'],
  [
    'ssh → sudo → node → chroot.fork → setuid',
    [ssh('free'), 'sudo', 'node', `chroot.fork ${debian}`, 'setuid guest'],
    'guest',
  ],
  [
    'twelve hops',
    [...Array(3)]
      .flatMap(() => [`su ${free}`, 'sudo', 'chroot.shell /', 'wrap -- env'])
      .toSpliced(11, 1, `su ${free}`),
    free,
  ],
]

const bytes = scratch.file('bytes')
writeFileSync(bytes, Buffer.from(Array.from({ length: 256 * 300 }, (_, i) => i % 256)))
const pipeline = ([first = '', ...more]: readonly string[]) =>
  [`connect ${first.replace(/^\S+/, '$& -n')}`, ...more.map((hop) => `connect ${hop}`)].join(' | ')

describe.each([...pairs, ...chains.map(([name, hops]): [string, string[]] => [name, hops])])(
  '%s',
  (_, hops) => {
    it('carries every byte both ways, the status, and standard error apart', async () => {
      const command = `connect exec -i ${bytes} -c -- 'cat; printf "err\\377" >&2; exit 5'`
      const result = await shell(
        `${pipeline(hops)} 2>${scratch.file('said')} | ${command} 2>${scratch.file('err')}`,
      )
      expect(readFileSync(scratch.file('err')).toString('latin1')).toBe('err\xff')
      expect(result.status).toBe(5)
      expect(result.bytes.equals(readFileSync(bytes))).toBe(true)
    })
  },
)

const names = [
  'a b',
  `it's "x"`,
  'two\nlines',
  '-dash',
  '$HOME;`id`',
  'žluťoučký 🐎*\\n',
  // As Latin-1 had it; and half a character of UTF-8.
  Buffer.from('ü \xff\xfe\xed\xb2\x80\xe4', 'latin1'),
]

describe.each(chains)('%s', (_, hops, user) => {
  it('arrives as the user it says', async () => {
    const { stdout } = await shell(`${pipeline(hops)} 2>/dev/null | connect exec -- id -un`)
    expect(stdout).toBe(`${user}\n`)
  })

  it('puts and gets files of any name', async () => {
    const content = randomBytes(3000)
    writeFileSync(scratch.file('content'), content)
    const directory = `/tmp/${scratch.path.split('/').at(-1)}-${hops.length}`
    const record = scratch.file('record')
    // A client that stays holds the chain open for those that come and go.
    const hold = `mkdir ${directory} && echo held; sleep 100000`
    const holder = startShell(
      `${pipeline(hops)} 2>/dev/null | tee ${record} | exec connect exec -c -- '${hold}'`,
    )
    await new Promise((resolve) => holder.stdout?.once('data', resolve))
    const rounds = names.map((name) => {
      const octal = [...Buffer.from(name)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
      return [
        `name=${directory}/$(printf '${octal}')`,
        `connect put ${scratch.file('content')} "$name" <${record} >/dev/null`,
        `connect get "$name" <${record} | sha256sum`,
      ]
    })
    // The bytes of a name are what they were: another program of the far side finds it.
    const found = `connect exec -c -- 'cd ${directory}; cat ./*; rm -r ${directory}' <${record} | wc -c`
    const { stdout, stderr } = await shell([...rounds.flat(), found].join('; '))
    if (holder.pid !== undefined) process.kill(-holder.pid, 'SIGTERM')
    await finish(holder)
    const sum = createHash('sha256').update(content).digest('hex')
    expect(stderr).toBe('')
    expect(stdout).toBe(`${names.map(() => `${sum}  -\n`).join('')}${names.length * content.length}\n`)
  }, 240_000)
})

// Some of these places have neither /dev nor much else.
const say =
  's=x; while [ ${#s} -lt 1000000 ]; do s=$s$s; done; i=0; while [ $i -lt 48 ]; do printf %s "$s"; i=$((i+1)); done'
const said = createHash('sha256')
  .update(Buffer.alloc(48 * 2 ** 20, 'x'))
  .digest('hex')

it.each(chains)('%s carries 50 MB', async (_, hops) => {
  const { stdout, status } = await shell(
    `${pipeline(hops)} 2>/dev/null | connect exec -c -- '${say}' | sha256sum`,
  )
  expect([stdout, status]).toEqual([`${said}  -\n`, 0])
})
