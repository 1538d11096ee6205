// The hop types. Adding one is one file and one line here.
import type { Hop } from '../hop.ts'
import { as } from './as.ts'
import { chrootFork } from './chroot-fork.ts'
import { chrootShell } from './chroot-shell.ts'
import { chroot } from './chroot.ts'
import { docker } from './docker.ts'
import { local } from './local.ts'
import { lxc } from './lxc.ts'
import { machine } from './machine.ts'
import { node } from './node.ts'
import { nsenter } from './nsenter.ts'
import { podman } from './podman.ts'
import { setns } from './setns.ts'
import { setuid } from './setuid.ts'
import { ssh } from './ssh.ts'
import { su } from './su.ts'
import { sudo } from './sudo.ts'
import { wrap } from './wrap.ts'

export const hops: Readonly<Record<string, Hop>> = {
  local,
  ssh,
  sudo,
  su,
  as,
  chroot,
  'chroot.shell': chrootShell,
  nsenter,
  machine,
  lxc,
  docker,
  podman,
  wrap,
  node,
  setuid,
  'chroot.fork': chrootFork,
  setns,
}
