// Containers of each kind that this machine can run, and stubs of the programs that it cannot, with the reason.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scratch } from './scratch.ts'
import { root as repository } from './shell.ts'

let count = 0
const nextName = (kind: string) => `plt-${kind}-${process.pid}-${count++}`

/**
 * A process with namespaces and a root directory of its own, as a container's first one has; its pid. `kinds` are
 * unshare(1)'s letters; the network is one of them.
 */
export async function startNamespaces(
  scratch: Scratch,
  root: string,
  host: string,
  kinds = 'mpinu',
): Promise<number> {
  const script = `hostname ${host} 2>/dev/null; echo ready; exec sleep 100000`
  const argv = [
    `-${kinds}f`,
    '--kill-child',
    '--propagation',
    'private',
    `--root=${root}`,
    '--mount-proc=/proc',
  ]
  const child = spawn('unshare', [...argv, '/bin/sh', '-c', script], {
    env: { PATH: '/bin', SECRET: "two\nlines 'of' it", container: host },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  scratch.onEnd(() => void child.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', () => reject(new Error('no namespaces could be made')))
  })
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
}

export type Started = { name: string; failure: string | undefined }

/** A busybox system as an LXC container of root's. */
export function startLxc(scratch: Scratch, root: string, path: string): Started {
  const name = nextName('lxc')
  mkdirSync(join(path, name), { recursive: true })
  writeFileSync(
    join(path, name, 'config'),
    [
      `lxc.uts.name = ${name}`,
      `lxc.rootfs.path = dir:${root}`,
      'lxc.net.0.type = none',
      'lxc.apparmor.profile = unconfined',
      'lxc.mount.auto = proc',
      '',
    ].join('\n'),
  )
  const log = join(path, `${name}.log`)
  const argv = ['-P', path, '-n', name, '-o', log, '-d', '--', '/bin/sleep', '100000']
  const { status } = spawnSync('lxc-start', argv, { stdio: 'ignore' })
  if (status === 0) scratch.onEnd(() => void spawnSync('lxc-stop', ['-P', path, '-n', name, '-k']))
  return { name, failure: status === 0 ? undefined : readLast(log) }
}

/** Limits are lowered, as this kernel may not let podman raise them; runc works with control groups of both versions. */
export function startPodman(scratch: Scratch, root: string): Started {
  const name = nextName('podman')
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']
  const where = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs']
  const what = ['-d', '--name', name, '--network=none', ...limits, '--rootfs', root, 'sleep', '100000']
  const { status, stderr } = spawnSync('podman', [...where, 'run', ...what], { encoding: 'utf8' })
  scratch.onEnd(() => void spawnSync('podman', ['rm', '-f', '-t', '0', name]))
  return { name, failure: status === 0 ? undefined : (stderr ?? 'there is no podman').trim() }
}

const readLast = (file: string) => {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? ''
  } catch {
    return 'it left no log'
  }
}

/** PATH with a program of that name in front; `script` is its sh text. What it is called with goes into `log`. */
export function makeStub(scratch: Scratch, name: string, script: string): { PATH: string; log: string } {
  const directory = scratch.file(`stub-${name}`)
  const log = join(directory, 'log')
  mkdirSync(directory)
  chmodSync(directory, 0o755)
  writeFileSync(join(directory, name), `#!/bin/sh\nprintf '%s\\n' "$*" >>${log}\n${script}\n`, {
    mode: 0o755,
  })
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  return { PATH: `${directory}:${repository}/node_modules/.bin:${process.env['PATH']}`, log }
}

/** Why a program of a service manager cannot do its work here; undefined where it can. */
export function failureOf(command: string, argv: readonly string[]): string | undefined {
  try {
    execFileSync(command, argv, { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim()
  }
}
