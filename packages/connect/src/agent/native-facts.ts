// The facts of the place where the agent runs, by system calls; the same as the command of common's facts.ts finds.
import { existsSync, readFileSync } from 'node:fs'
import { machine, type } from 'node:os'
import type { Place } from '@plumbline/common/connection/connection'
import { parseRelease } from '@plumbline/common/connection/facts'
import type { Facts } from '@plumbline/common/records/facts'
import { findAccount } from './account.ts'

export function readFacts(place: Place): Facts {
  const release = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? ''
  return {
    ...place,
    gid: process.getgid?.() ?? null,
    shell: findShell(place.uid),
    os: type().toLowerCase(),
    arch: machine(),
    ...parseRelease(release.split('\n')),
    container: findContainer(),
  }
}

function findShell(uid: number): string | null {
  try {
    return findAccount(uid).shell
  } catch {
    return null
  }
}

function findContainer(): string | null {
  const first = read('/proc/1/environ')?.split('\0') ?? [`container=${process.env['container'] ?? ''}`]
  const told = first.find((each) => each.startsWith('container='))?.slice('container='.length)
  const named = told || read('/run/systemd/container')?.trim()
  if (named) return named
  const has = (path: string) => ['/', '/proc/1/root/'].some((root) => existsSync(root + path))
  if (has('run/.containerenv')) return 'podman'
  return has('.dockerenv') ? 'docker' : null
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
