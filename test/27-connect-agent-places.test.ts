// @needs-root: namespaces, root directories
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { findProcesses } from './support/processes.ts'
import { makeBusyboxRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { root, shell } from './support/shell.ts'

const scratch = new Scratch('agent-places')
const busybox = makeBusyboxRoot(scratch, 'busybox', { users: { inside: 4711 } })

describe('connect setns', () => {
  it('enters all namespaces of a container that holds no Node', async () => {
    const inner = 'mount -t proc proc /proc; hostname inner; echo ready; exec sleep 100000'
    const container = spawn(
      'unshare',
      ['-mpinuf', '--kill-child', `--root=${busybox}`, '/bin/sh', '-c', inner],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    scratch.onEnd(() => void container.kill('SIGKILL'))
    await once(container.stdout as Readable, 'data')
    const pid = findProcesses(container.pid ?? 0).at(-1)?.pid
    const look =
      'hostname; id -un; ls -d /proc/1 /bin/busybox; echo $$ | grep -c "^..\\?$"; ip link | grep -c eth'
    const { stdout, stderr } = await shell(
      `connect node -n | connect setns ${pid} | connect setuid inside | connect exec -c '${look}'`,
    )
    expect(stderr).toBe('')
    expect(stdout).toBe('inner\ninside\n/bin/busybox\n/proc/1\n1\n0\n')
  })
})

describe('a container in a container', () => {
  const outer = makeBusyboxRoot(scratch, 'outer')

  it('is entered, or is told not to be by an agent, which is never in the other one then', async () => {
    mkdirSync(`${outer}/image`)
    writeFileSync(`${outer}/dev/null`, '')
    const start =
      "hostname outer; unshare -u sh -c 'hostname inner; echo ready; exec sleep 100000' & exec sleep 100000"
    const container = spawn(
      'unshare',
      ['-mpuf', '--kill-child', `--root=${outer}`, '--mount-proc=/proc', '/bin/sh', '-c', start],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    scratch.onEnd(() => void container.kill('SIGKILL'))
    await once(container.stdout as Readable, 'data')
    const pid = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8').trim()
    const inner = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const [innerPid] = /(?<=^NSpid:.*\s)\d+$/m.exec(readFileSync(`/proc/${inner}/status`, 'utf8')) ?? []
    const outside = `connect node -n | connect setns ${pid}`
    expect((await shell(`${outside} | connect setns ${innerPid}`)).stdout).toContain('"code":"HOP_NEEDS"')
    const stub = `#!/bin/sh\necho ${innerPid}\n`
    writeFileSync(`${outer}/bin/machinectl`, stub, { mode: 0o755 })
    const machine = await shell(`${outside} | connect machine box | connect exec hostname`)
    expect([machine.stdout, machine.stderr]).toEqual([
      'inner\n',
      expect.stringMatching(/^connect: machine:box: using nsenter: /),
    ])
  })

  it('is one whose root directory is changed by chroot(8)', async () => {
    const container = spawn('unshare', ['-u', 'sh', '-c', 'echo ready; exec sleep 100000'])
    scratch.onEnd(() => void container.kill('SIGKILL'))
    await once(container.stdout, 'data')
    const chain = `connect node -n | connect setns ${container.pid} | connect chroot ${busybox}`
    const { stdout, stderr } = await shell(`${chain} | connect exec ls -d /bin/busybox`)
    expect(stdout).toBe('/bin/busybox\n')
    expect(stderr).toMatch(/^connect: chroot:\S+: using chroot.shell: .*it needs an agent that has entered/)
  })
})

describe('what is built on connect setns', () => {
  it('does not lead into another process that has got its pid', async () => {
    const script = `unshare -u sleep 100000 & pid=$!
      connect node -n | connect setns $pid | {
        read -r connection
        kill -9 $pid; wait $pid 2>/dev/null
        for each in $(seq 100); do
          echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
          sleep 100000 & [ $! != $pid ] || break
        done
        { echo "$connection"; cat; } | connect setuid root
      }`
    const { stdout } = await shell(`exec unshare -mpf --kill-child --mount-proc bash -c "$SCRIPT"`, {
      env: { SCRIPT: script },
    })
    expect(stdout).toMatch(/"message":"Cannot enter setns:(\d+): process \1 has ended"/)
  })
})

describe('connect setns to a process in a chroot', () => {
  it('needs a /proc there, and says so at once', async () => {
    const bare = makeBusyboxRoot(scratch, 'bare')
    const chrooted = spawn('chroot', [bare, '/bin/sh', '-c', 'echo ready; exec sleep 100000'])
    scratch.onEnd(() => void chrooted.kill('SIGKILL'))
    await once(chrooted.stdout, 'data')
    const setns = `connect node -n | connect setns ${chrooted.pid}`
    const refused = await shell(`${setns} | connect exec true`)
    expect(refused.stdout).toContain('"code":"HOP_NEEDS"')
    expect(refused.stderr).toContain('it needs a /proc in the root directory of that process')
    execFileSync('mount', ['-t', 'proc', 'proc', `${bare}/proc`])
    scratch.onEnd(() => void execFileSync('umount', [`${bare}/proc`]))
    expect((await shell(`${setns} | connect exec ls -d /bin/busybox /home`)).stdout).toBe('/bin/busybox\n')
  })
})

/** Debian's packages of Node 18, unpacked; none where apt-get cannot get them. */
function unpackNode18(): string | undefined {
  const packages = join(root, '.cache/node18')
  const unpacked = scratch.file('node18')
  if (!existsSync(packages)) {
    mkdirSync(`${packages}.part`, { recursive: true })
    const version = spawnSync('apt-cache', ['madison', 'nodejs'], { encoding: 'utf8' }).stdout.match(
      /18\.\S+/,
    )?.[0]
    if (version === undefined) return undefined
    const libraries =
      'libnode108 libicu72 libuv1 libc-ares2 libnghttp2-14 libbrotli1 node-acorn node-cjs-module-lexer node-undici'
    const got = spawnSync('apt-get', ['-qq', 'download', `nodejs=${version}`, ...libraries.split(' ')], {
      cwd: `${packages}.part`,
    })
    if (got.status !== 0) return undefined
    execFileSync('mv', [`${packages}.part`, packages])
  }
  mkdirSync(unpacked)
  for (const name of readdirSync(packages)) execFileSync('dpkg-deb', ['-x', join(packages, name), unpacked])
  return unpacked
}

const node18 = unpackNode18()

// Debian's Node is made of many files outside of itself, so it takes the place of the one that is installed.
describe.skipIf(node18 === undefined)('an agent run by Debian’s Node 18', () => {
  it('serves, changes its user, and its root directory', async () => {
    const mine = scratch.file('mine')
    mkdirSync(mine)
    copyFileSync(process.execPath, `${mine}/node`)
    const chain = 'connect node -n --node /usr/bin/node'
    const script = `mount -t overlay -o lowerdir=${node18}/usr:/usr overlay /usr || exit
      /usr/bin/node --version
      export PATH=${mine}:$PATH
      ${chain} | connect exec -- id -un
      ${chain} | connect put /etc/hostname ${mine}/copy | grep -c '"type":"file"'
      ${chain} | connect setns $$ --linger 0 | grep -o HOP_NEEDS
      ${chain} | connect chroot.fork ${busybox} | connect setuid inside | connect exec -c 'id -un; ls -d /bin/busybox'`
    const { stdout, stderr } = await shell(`exec unshare -m bash -c "$SCRIPT"`, { env: { SCRIPT: script } })
    expect(stderr).toMatch(
      /^connect: Cannot enter setns:\d+: it needs a Node in one piece \(connect nsenter\)\n$/,
    )
    expect(stdout).toMatch(/^v18\.\d+\.\d+\nroot\n1\nHOP_NEEDS\ninside\n\/bin\/busybox\n$/)
    expect(readFileSync(`${mine}/copy`)).toEqual(readFileSync('/etc/hostname'))
  })
})

// What is installed here is hidden, and a package manager of our own puts it back: the real one would change this machine.
describe('a far side without Node', () => {
  const folder = scratch.file('managed')
  mkdirSync(folder)
  copyFileSync(process.execPath, scratch.file('node'))
  writeFileSync(scratch.file('old'), '#!/bin/sh\nexit 93\n', { mode: 0o755 })
  const connect = `${scratch.file('node')} ${root}/packages/connect/bin/connect.cjs`
  const hidden = (script: string) =>
    shell(`exec unshare -m bash -c "$SCRIPT"`, {
      env: {
        HOME: folder,
        SCRIPT: `for each in /usr/bin/node /usr/bin/nodejs /usr/local/bin/node; do
          if [ -e $each ]; then mount --bind ${scratch.file('old')} $each; fi
        done
        export PATH=${folder}:/usr/bin:/bin
        ${script}`,
      },
    })
  const manager = (script: string) =>
    writeFileSync(`${folder}/apt-get`, `#!/bin/sh\necho "$*" >>${folder}/asked\n${script}\n`, { mode: 0o755 })

  it('is left alone when that is wanted, or when it must be', async () => {
    manager('')
    const kept = await hidden(`${connect} node -n --no-install`)
    expect(kept.stderr).toMatch(/ has no Node of version 18 or later \(--no-install was given\)\n$/)
    const user = await hidden(`${connect} su -n daemon | ${connect} node`)
    expect(user.stderr).toContain(' has no Node of version 18 or later (daemon cannot install it)\n')
    expect(existsSync(`${folder}/asked`)).toBe(false)
  })

  it('gets it from its package manager', async () => {
    manager('echo no such package >&2; exit 100')
    const failed = await hidden(`${connect} node -n`)
    expect(failed.stderr).toContain('installing it failed: Command failed with status 100: no such package')
    manager(`case $* in *install*) cp ${scratch.file('node')} ${folder}/node ;; esac`)
    const { stdout, stderr } = await hidden(`${connect} node -n | ${connect} exec -- id -un`)
    expect(stderr).toMatch(/^connect: \S+: installing Node\n$/)
    expect(stdout).toBe('root\n')
    expect(readFileSync(`${folder}/asked`, 'utf8')).toContain('install nodejs')
  })
})
