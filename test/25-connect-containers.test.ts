// @needs-root: users, containers of root
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { failureOf, makeStub, startLxc, startNamespaces, startPodman } from './support/containers.ts'
import { makeBusyboxRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { finish, recordsOf, shell, startShell } from './support/shell.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('containers')
const plain = makeUser(scratch)
const root = (name: string) => makeBusyboxRoot(scratch, name, { users: { guest: 4711 } })
const allBytes = scratch.file('bytes')
writeFileSync(allBytes, Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256)))

const pid = await startNamespaces(scratch, root('ns'), 'inner')
const lxcPath = scratch.file('lxc')
const lxc = startLxc(scratch, root('lxc-root'), lxcPath)
const podman = startPodman(scratch, root('podman-root'))
const machinectl = makeStub(scratch, 'machinectl', `[ "$4" != gone ] || exit 1; echo ${pid}`)
const engine = (name: string) =>
  makeStub(scratch, name, `while [ "$1" != ${name}-box ]; do shift; done; shift; exec "$@"`)
// The same command line: what Debian's podman-docker package makes /usr/bin/docker of.
const docker =
  podman.failure === undefined ? makeStub(scratch, 'docker', 'exec podman "$@"') : engine('docker')
const podmanStub = podman.failure === undefined ? undefined : engine('podman')
const lxcStub = lxc.failure === undefined ? undefined : engine('lxc-attach')

type Case = { hop: string; host: string | undefined; PATH: string | undefined; real: boolean }
const cases: [string, Case][] = [
  ['nsenter', { hop: `nsenter ${pid}`, host: undefined, PATH: undefined, real: true }],
  ['machine', { hop: 'machine inner', host: 'inner', PATH: machinectl.PATH, real: true }],
  [
    'lxc',
    lxcStub
      ? { hop: 'lxc lxc-attach-box', host: 'lxc-attach-box', PATH: lxcStub.PATH, real: false }
      : { hop: `lxc --path ${lxcPath} ${lxc.name}`, host: lxc.name, PATH: undefined, real: true },
  ],
  [
    'podman',
    podmanStub
      ? { hop: 'podman podman-box', host: 'podman-box', PATH: podmanStub.PATH, real: false }
      : { hop: `podman ${podman.name}`, host: podman.name, PATH: undefined, real: true },
  ],
  [
    'docker',
    podmanStub
      ? { hop: 'docker docker-box', host: 'docker-box', PATH: docker.PATH, real: false }
      : { hop: `docker ${podman.name}`, host: podman.name, PATH: docker.PATH, real: true },
  ],
]

const env = (PATH: string | undefined) => (PATH === undefined ? {} : { env: { PATH } })
const refusal = (stdout: string) => recordsOf(stdout).find(({ type }) => type === 'error')

/** Processes of any namespace whose argument list holds the text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

it('knows why what is not real here is not', () => {
  expect(failureOf('machinectl', ['list']) ?? '').toMatch(/^$|not been booted|not found|ENOENT|Host is down/i)
  for (const { failure } of [lxc, podman]) {
    if (failure !== undefined)
      expect(failure).toMatch(/not permitted|cgroup|denied|no log|not found|there is no/i)
  }
})

describe.each(cases)('connect %s', (_, { hop, host, PATH, real }) => {
  it('arrives there, and says where that is', async () => {
    const script = `connect ${hop} -n | tee ${scratch.file('record')} | connect exec -c -- 'id -u; readlink /proc/self/ns/mnt'`
    const { stdout, stderr, status } = await shell(script, env(PATH))
    expect([stderr, status]).toEqual(['', 0])
    const [uid, namespace] = stdout.split('\n')
    expect(uid).toBe('0')
    expect(namespace !== readlinkSync('/proc/self/ns/mnt')).toBe(real)
    const [record] = recordsOf(readFileSync(scratch.file('record'), 'utf8'))
    expect(record).toMatchObject({ user: 'root', uid: 0, home: '/root' })
    if (host !== undefined) expect(record?.['host']).toBe(host)
  })

  it('passes every byte, the status, and standard error apart', async () => {
    const command = `connect exec -i ${allBytes} -c -- 'cat; echo err >&2; exit 7'`
    const result = await shell(`connect ${hop} -n | ${command}`, env(PATH))
    expect([result.stderr, result.status]).toEqual(['err\n', 7])
    expect(result.bytes.equals(readFileSync(allBytes))).toBe(true)
  })

  it('ends there what a client that is killed has started', async () => {
    const mark = `7${Math.random().toString().slice(2, 9)}`
    const client = startShell(
      `connect ${hop} -n | exec connect exec -c -- 'sleep ${mark} & echo on; sleep ${mark}'`,
      env(PATH),
    )
    const started = new Promise((resolve) => client.stdout?.once('data', resolve))
    await started
    const [clientPid] = processesWith(`sleep ${mark} & echo`).filter((each) =>
      readlinkSync(`/proc/${each}/exe`).endsWith('node'),
    )
    process.kill(Number(clientPid), 'SIGKILL')
    await finish(client)
    await expect.poll(() => processesWith(`sleep\0${mark}`), { timeout: 30_000 }).toEqual([])
  })
})

describe('connect nsenter', () => {
  it('takes the environment of the process, and nothing of the one outside', async () => {
    const { stdout } = await shell(
      `connect nsenter -n ${pid} | connect exec -c -- 'printf "%s|" "$SECRET" "$container" "$OUTER"'`,
      {
        env: { OUTER: 'outer' },
      },
    )
    expect(stdout).toBe("two\nlines 'of' it|inner||")
  })

  it('becomes the ids it is told', async () => {
    const { stdout } = await shell(`connect nsenter -n --uid 4711 --gid 4711 ${pid} | connect exec -- id`)
    expect(stdout).toMatch(/^uid=4711\(guest\) gid=4711\(guest\)/)
  })

  it('nests: a root directory in the container, and a container in a chroot', async () => {
    const inner = await shell(`connect nsenter -n ${pid} | connect chroot.shell / | connect exec -- hostname`)
    const outer = await shell(
      `connect chroot.shell -n / | connect nsenter ${pid} | connect exec -- ls -d /bin/busybox`,
    )
    expect([inner.stdout, outer.stdout]).toEqual(['inner\n', '/bin/busybox\n'])
  })

  it.each([
    ['a process that is not there', '-n 999999999', 'HOP_FAILED', /there is no such process/],
    ['another user', '1', 'HOP_NEEDS', /root beneath it .*may not be entered/],
  ])('refuses %s', async (_, args, code, message) => {
    const first = args.startsWith('-n') ? '' : `connect su -n ${plain} | `
    const { stdout } = await shell(`${first}connect nsenter ${args}`)
    expect(refusal(stdout)?.['code']).toBe(code)
    expect(refusal(stdout)?.['message']).toMatch(message)
  })

  it.each([
    ['nsenter -n 0'],
    ['nsenter -n x'],
    ['nsenter -n'],
    ['nsenter -n 1 --uid root'],
    ['docker -n -- -x'],
    ['lxc -n "a b"'],
  ])('does not take "%s"', async (line) => {
    const { status, stdout } = await shell(`connect ${line}`)
    expect([status, stdout]).toEqual([64, ''])
  })
})

describe('on an agent of root', () => {
  it.each(cases.filter(([kind]) => kind === 'lxc' && !lxcStub))(
    '%s is entered by a fresh agent',
    async (kind, { hop, host, PATH }) => {
      const file = scratch.file(`agent-${kind}`)
      const chain = `connect node -n | connect ${hop} | tee ${file} | connect exec -- ls -d /bin/busybox`
      const { stdout, stderr } = await shell(chain, env(PATH))
      expect([stdout, stderr]).toEqual(['/bin/busybox\n', ''])
      expect(recordsOf(readFileSync(file, 'utf8'))[0]).toMatchObject({ kind: 'agent', host, user: 'root' })
    },
  )
})

describe('connect machine', () => {
  it('asks systemd-machined, once', async () => {
    writeFileSync(machinectl.log, '')
    await shell('connect machine -n inner | connect exec -- true', env(machinectl.PATH))
    expect(readFileSync(machinectl.log, 'utf8')).toBe('show --property=Leader --value inner\n')
  })

  it('refuses one that is not there', async () => {
    const { stdout } = await shell('connect machine -n gone', env(machinectl.PATH))
    expect(refusal(stdout)).toMatchObject({ code: 'HOP_FAILED', host: 'gone', hop: 'machine:gone' })
  })
})

describe("connect lxc of an owner's container", () => {
  // A user's container needs a service manager of the user's and delegated control groups.
  const attach = makeStub(scratch, 'lxc-attach', 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')

  it('attaches as the owner', async () => {
    const { stdout, stderr } = await shell(
      `connect lxc -n --owner ${plain} web | connect exec -- id -un`,
      env(attach.PATH),
    )
    expect([stdout, stderr]).toEqual([`${plain}\n`, ''])
    expect(readFileSync(attach.log, 'utf8')).toMatch(/^-n web --clear-env -- \/bin\/sh -c /)
  })

  it('starts a scope of the owner where there is a manager for it', async () => {
    const run = makeStub(scratch, 'systemd-run', 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    const PATH = `${join(run.log, '..')}:${attach.PATH}`
    const uid = execFileSync('id', ['-u', plain]).toString().trim()
    const directory = `/run/user/${uid}/systemd`
    mkdirSync(directory, { recursive: true })
    const manager = createServer().listen(join(directory, 'private'))
    scratch.onEnd(() => {
      manager.close()
      rmSync(`/run/user/${uid}`, { recursive: true })
    })
    await once(manager, 'listening')
    const { stdout } = await shell(`connect lxc -n --owner ${plain} web | connect exec -- id -un`, env(PATH))
    expect(stdout).toBe(`${plain}\n`)
    expect(readFileSync(run.log, 'utf8')).toMatch(
      /^--user --scope --quiet -p Delegate=yes -- lxc-attach -n web /,
    )
  })

  it('refuses whoever is neither root nor the owner', async () => {
    const { stdout } = await shell(`connect su -n ${plain} | connect lxc --owner root web`)
    expect(refusal(stdout)).toMatchObject({
      code: 'HOP_NEEDS',
      message: expect.stringMatching(/root beneath it/) as string,
    })
  })
})
