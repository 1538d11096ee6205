// The hop types. Adding one is one file and one line here.
import type { Hop } from '../hop.ts'

/** Each is read when it is named: a connect is one hop, and all of them would be half of its start. */
export const hops: Readonly<Record<string, () => Promise<Hop>>> = {
  local: async () => (await import('./local.ts')).local,
  ssh: async () => (await import('./ssh.ts')).ssh,
  sudo: async () => (await import('./sudo.ts')).sudo,
  su: async () => (await import('./su.ts')).su,
  as: async () => (await import('./as.ts')).as,
  chroot: async () => (await import('./chroot.ts')).chroot,
  'chroot.shell': async () => (await import('./chroot-shell.ts')).chrootShell,
  nsenter: async () => (await import('./nsenter.ts')).nsenter,
  machine: async () => (await import('./machine.ts')).machine,
  lxc: async () => (await import('./lxc.ts')).lxc,
  docker: async () => (await import('./docker.ts')).docker,
  podman: async () => (await import('./podman.ts')).podman,
  wrap: async () => (await import('./wrap.ts')).wrap,
  node: async () => (await import('./node.ts')).node,
  setuid: async () => (await import('./setuid.ts')).setuid,
  'chroot.fork': async () => (await import('./chroot-fork.ts')).chrootFork,
  setns: async () => (await import('./setns.ts')).setns,
}
