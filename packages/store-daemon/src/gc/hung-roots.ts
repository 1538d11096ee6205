// Roots that do not answer. Where a server is gone (NFS, "hard"), whoever asks for a file waits until it is back; a
// collection asks for them on a thread that nobody needs, and waits for a while.
//
// Who has asked once can neither be stopped nor ended: so few may be stuck, and of a mount that hangs no more is asked.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { toByteString, toPath } from '@plumbline/common/store/byte-string'
import { ToolError } from '@plumbline/common/error/tool-error'
import { storeItemOf } from '@plumbline/common/store/store-path'
import { Mutex } from '../store/mutex.ts'

const patienceMs = 2000
/** Of libuv's four threads, which all else needs as well. */
const maxStuck = 2
/** Mounts that hang, and what is still asked for there. */
const stuck = new Map<string, string>()
/** One asks at a time: several would be stuck in the same place. */
const asking = new Mutex()

/** Targets of indirect roots, byte strings, that must not be asked for. Throws STORE_FAILED when too many hang. */
export async function findHungRoots(store: string, state: string): Promise<string[]> {
  const hung: string[] = []
  await asking.take()
  try {
    for (const target of listTargets(store, state)) {
      const isKnown = stuck.size > 0 && stuck.has(mountOf(target))
      if (isKnown || !(await answers(target))) hung.push(target)
    }
  } finally {
    asking.release()
  }
  return hung
}

async function answers(target: string): Promise<boolean> {
  if (stuck.size >= maxStuck) {
    const places = [...stuck.values()].map((place) => `\`${place}'`).join(', ')
    throw new ToolError('STORE_FAILED', { reason: `cannot look for roots: ${places} do not answer` })
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((done) => (timer = setTimeout(() => done(false), patienceMs)))
  const asked = lstat(toPath(target)).then(
    () => true,
    // What is wrong with it is found when it is asked for again.
    () => true,
  )
  const hasAnswered = await Promise.race([asked, late])
  clearTimeout(timer)
  if (hasAnswered) return true
  const mount = mountOf(target)
  stuck.set(mount, target)
  void asked.then(() => stuck.delete(mount))
  return false
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

/** Where the file system of a path is mounted, by its text. */
function mountOf(path: string): string {
  let longest = '/'
  for (const line of readMounts().split('\n')) {
    const point = (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    )
    if (point.length > longest.length && `${path}/`.startsWith(`${point}/`)) longest = point
  }
  return longest
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'latin1')
  } catch {
    // A chroot may have no /proc.
    return ''
  }
}
