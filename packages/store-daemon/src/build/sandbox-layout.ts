// What a builder finds in its root directory: the closure of its inputs, a few devices, a name for its user, and
// nothing else. The steps are those of sandbox/build-root.c. Those that are the same for many builds come first, and do
// not depend on the build, its user or its inputs.
// Pure: no I/O.
import { dirname } from 'node:path/posix'

export type Layout = {
  store: string
  /** ITEM.drv.chroot: the outputs appear in `store` below it. */
  chroot: string
  inputs: readonly string[]
  user: { uid: number; gid: number }
  /** Who owns what the builder may write to; undefined: whoever makes it. */
  owner: { uid: number; gid: number } | undefined
  /** It may use the network, and so needs to know how. */
  network: boolean
  /** Builds as root see no more of /proc than they can do no harm with. */
  readOnlyProc: boolean
  /** Build directory: outside, and as the builder sees it. */
  directory: { outside: string; inside: string }
  /** Of the administrator: inside → outside. */
  extra: ReadonlyMap<string, string>
}

const devices = ['full', 'kvm', 'null', 'random', 'tty', 'urandom', 'zero']
const networkFiles = ['/etc/resolv.conf', '/etc/nsswitch.conf', '/etc/services', '/etc/hosts']

export type SandboxRoot = { initial: string[]; outside: string[]; steps: string[] }

export function layOutSandbox(layout: Layout): SandboxRoot {
  const { store, chroot, inputs, user, owner, directory, extra } = layout
  const { initial, made } = layOutSystem(layout)
  const steps: string[] = []
  const makeParents = (path: string) => {
    const missing: string[] = []
    for (let each = path; !made.has(each); each = dirname(each)) missing.unshift(each)
    for (const each of missing) {
      made.add(each)
      steps.push(`d755 ${each}`)
    }
  }
  const group = owner ? `-1 ${owner.gid}` : '-1 -1'
  const outside = [`c750 ${group} ${chroot}`, `d1775 ${group} ${chroot}/store`, `d1777 -1 -1 ${chroot}/tmp`]
  steps.push(`w/tmp\n${chroot}/tmp`)
  steps.push(
    `f/etc/passwd\nnixbld:x:${user.uid}:${user.gid}:Nix build user:/:/noshell\nnobody:x:65534:65534:Nobody:/:/noshell\n`,
    `f/etc/group\nnixbld:!:${user.gid}:\n`,
  )
  for (const [inside, source] of extra) {
    // The build has its own.
    if (inside === '/proc' || inside.startsWith('/proc/')) continue
    makeParents(dirname(inside))
    steps.push(`w${inside}\n${source}`)
  }
  makeParents(dirname(store))
  steps.push(`w${store}\n${chroot}/store`)
  steps.push(...inputs.map((path) => `b${path}\n${path}`))
  makeParents(dirname(directory.inside))
  steps.push(`w${directory.inside}\n${directory.outside}`)
  return { initial, outside, steps }
}

function layOutSystem({ network, extra, readOnlyProc }: Layout): { initial: string[]; made: Set<string> } {
  const initial = [`c/proc\n${readOnlyProc ? 'ro' : ''}`, 'd755 /etc']
  const made = new Set(['/', '/tmp', '/proc', '/etc'])
  if (network) initial.push(...networkFiles.map((file) => `o${file}\n${file}`))
  else initial.push('f/etc/hosts\n127.0.0.1 localhost\n')
  if (extra.has('/dev')) return { initial, made }
  made.add('/dev')
  initial.push(
    'd755 /dev',
    ...devices.map((name) => `o/dev/${name}\n/dev/${name}`),
    'l/dev/fd\n/proc/self/fd',
    ...['stdin', 'stdout', 'stderr'].map((name, fd) => `l/dev/${name}\n/proc/self/fd/${fd}`),
    't/dev/shm\nmode=1777',
    'p/dev/pts\nnewinstance,mode=0620,ptmxmode=0666',
    'l/dev/ptmx\n/dev/pts/ptmx',
  )
  return { initial, made }
}
