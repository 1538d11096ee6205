// Roots that do not answer. Where a server is gone (NFS, "hard"), whoever asks for a file waits until it is back; a
// collection asks for them on a thread that nobody needs, and waits for a while.
//
// Who has asked once can neither be stopped nor ended: so few may be stuck, and of a mount that hangs no more is asked.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { toByteString, toPath } from '@plumbline/common/store/byte-string'
import { ToolError } from '@plumbline/common/error/tool-error'
import { storeItemOf } from '@plumbline/common/store/store-path'
import { Mutex } from '../store/mutex.ts'

const patienceMs = 2000
/** Of libuv's four threads, which all else needs as well. */
const maxStuck = 2
/** File systems that nobody but this kernel answers for: of what is on them, only the folders are asked for. */
const local = new Set(
  (
    'ext2 ext3 ext4 xfs btrfs zfs bcachefs f2fs tmpfs ramfs overlay squashfs iso9660 vfat proc sysfs devtmpfs devpts ' +
    'cgroup cgroup2 mqueue hugetlbfs securityfs debugfs tracefs configfs pstore bpf fusectl efivarfs binfmt_misc nsfs'
  ).split(' '),
)
/** Mounts that hang, and what is still asked for there. */
const stuck = new Map<string, string>()
/** One asks at a time: several would be stuck in the same place. */
const asking = new Mutex()

/** Targets of indirect roots, byte strings, that must not be asked for. Throws STORE_FAILED when too many hang. */
export async function findHungRoots(store: string, state: string): Promise<string[]> {
  const hung: string[] = []
  await asking.take()
  try {
    const mounts = readMounts()
    if (mounts.length > 0 && mounts.every(({ type }) => local.has(type))) return []
    const folders = new Map<string, Answer<string>>()
    for (const target of listTargets(store, state)) {
      const folder = dirname(target)
      // There may be thousands in one, and a link on the way to it may lead to another file system.
      const known =
        folders.get(folder) ?? (await ask(folder, mounts, () => realpath(toPath(folder), 'latin1')))
      folders.set(folder, known)
      if (known === 'late' || !(await mayBeAsked(target, known, mounts))) hung.push(target)
    }
  } finally {
    asking.release()
  }
  return hung
}

async function mayBeAsked(target: string, { value }: { value?: string }, mounts: Mount[]): Promise<boolean> {
  if (value === undefined) return true
  const place = join(value, basename(target))
  if (local.has(mountOf(place, mounts).type)) return true
  return (await ask(place, mounts, () => lstat(toPath(place)))) !== 'late'
}

/** What is wrong with it is found when it is asked for again. */
type Answer<T> = { value?: T } | 'late'

async function ask<T>(path: string, mounts: Mount[], question: () => Promise<T>): Promise<Answer<T>> {
  const { point } = mountOf(path, mounts)
  if (stuck.has(point)) return 'late'
  if (stuck.size >= maxStuck) {
    const places = [...stuck.values()].map((place) => `\`${place}'`).join(', ')
    throw new ToolError('STORE_FAILED', { reason: `cannot look for roots: ${places} do not answer` })
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((done) => (timer = setTimeout(() => done('late'), patienceMs)))
  const asked: Promise<Answer<T>> = question().then(
    (value) => ({ value }),
    () => ({}),
  )
  const answer = await Promise.race([asked, late])
  clearTimeout(timer)
  if (answer === 'late') {
    stuck.set(point, path)
    void asked.then(() => stuck.delete(point))
  }
  return answer
}

/** What is in the store is not asked for. */
function listTargets(store: string, state: string): string[] {
  const automatic = join(toByteString(state), 'gcroots/auto')
  return listDirectory(automatic).flatMap((name) => {
    const target = readTarget(`${automatic}/${name}`)
    return target === undefined || storeItemOf(store, target) ? [] : [target]
  })
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(toPath(path), 'latin1')
  } catch {
    // Whoever looks for roots there will say so.
    return []
  }
}

function readTarget(link: string): string | undefined {
  try {
    return resolve(dirname(link), readlinkSync(toPath(link), 'latin1'))
  } catch {
    // No symlink, or gone since.
    return undefined
  }
}

type Mount = { point: string; type: string }

/** Where the file system of a path is mounted, by its text. */
function mountOf(path: string, mounts: Mount[]): Mount {
  let found: Mount = { point: '/', type: '' }
  for (const mount of mounts) {
    const isBelow = mount.point === '/' || `${path}/`.startsWith(`${mount.point}/`)
    // Of two at one point the last is on top.
    if (isBelow && mount.point.length >= found.point.length) found = mount
  }
  return found
}

/** proc(5), mountinfo. */
function readMounts(): Mount[] {
  return readMountinfo()
    .split('\n')
    .map((line) => {
      const [, type = ''] = / - (\S+) /.exec(line) ?? []
      const point = (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      )
      return { point, type }
    })
    .filter(({ point }) => point !== '')
}

function readMountinfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'latin1')
  } catch {
    // A chroot may have no /proc.
    return ''
  }
}
