// The roots that keep items alive: symlinks below gcroots, profiles and manifests of the state directory.
//
// A symlink into the store is a root. One that points to another symlink outside, which points into the store, is an
// indirect root, and called after that other symlink: it is the user's, and removing it removes the root. Only that
// one level is followed. A regular file is a root when an item of its name is valid.
//
// Where a user's file system is out of reach, what was last seen there counts: nobody has taken the root away, and one
// user's broken mount must not keep others from collecting.
import { lstatSync, readdirSync, readlinkSync, statSync, unlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { toByteString, toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { storeItemOf } from '@plumbline/common/store/store-path'
import type { Job } from '../work/job.ts'
import { readSeenRoots } from './seen-roots.ts'

/** All byte strings. */
export type Root = { link: string; target: string }
export type FoundRoots = {
  roots: Root[]
  /** Each root by its own name below the state directory. */
  seen: Map<string, Root>
  warnings: string[]
}

type FindRoots = { store: string; state: string; hung: readonly string[] }

export const findRootsJob: Job<FindRoots, FoundRoots> = async ({ store, state, hung }) =>
  findRoots(store, state, hung)

/** Targets are items of the store; whether they are valid is for the caller to see. What is `hung` is not asked for. */
export function findRoots(store: string, state: string, hung: readonly string[] = []): FoundRoots {
  const unasked = new Set(hung)
  const found: FoundRoots = { roots: [], seen: new Map(), warnings: [] }
  const directory = toByteString(state)
  const automatic = join(directory, 'gcroots/auto')
  let before: Map<string, Root> | undefined
  const add = (path: string, root: Root) => {
    found.roots.push(root)
    found.seen.set(path, root)
  }
  const keepSeen = (path: string) => {
    before ??= readSeenRoots(state)
    for (const [each, root] of before) if (each === path || each.startsWith(`${path}/`)) add(each, root)
  }
  // Each is asked what it is: where the file system does not say so with the names, Node does that itself, and one that
  // has gone since, or whose name is no text, would be an error of the whole directory.
  const visit = (path: string, isTop = false) => {
    try {
      // These may have been moved to where there is room, with a link in their place.
      const stat = isTop ? statSync(toPath(path)) : lstatSync(toPath(path))
      if (stat.isDirectory()) {
        for (const name of readdirSync(toPath(path), 'latin1')) visit(`${path}/${name}`)
      } else if (isTop) {
        return
      } else if (stat.isSymbolicLink()) {
        visitLink(path)
      } else if (stat.isFile()) {
        add(path, { link: path, target: `${store}/${basename(path)}` })
      }
    } catch (error) {
      if (isTop) throw error
      if (!isAbsent(error) && !isOutOfReach(error)) throw error
      found.warnings.push(`cannot read potential root \`${path}'`)
      if (isOutOfReach(error)) keepSeen(path)
    }
  }
  const visitLink = (path: string) => {
    const target = readLink(path)
    const item = storeItemOf(store, target)
    if (item) return add(path, { link: path, target: item })
    if (unasked.has(target)) {
      found.warnings.push(`potential root \`${target}' does not answer`)
      return keepSeen(path)
    }
    const next = statOrNothing(target)
    if (!next) {
      if (!path.startsWith(`${automatic}/`)) return
      found.warnings.push(`removing stale link from \`${path}' to \`${target}'`)
      unlinkSync(toPath(path))
    } else if (next.isSymbolicLink()) {
      const indirect = storeItemOf(store, readLink(target))
      if (indirect) add(path, { link: target, target: indirect })
    }
  }
  // Without the places of all roots, which are made when the store is opened, nothing may go.
  for (const name of ['gcroots', 'profiles']) visit(join(directory, name), true)
  if (statOrNothing(join(directory, 'manifests'))) visit(join(directory, 'manifests'), true)
  return found
}

function readLink(path: string): string {
  return resolve(dirname(path), readlinkSync(toPath(path), 'latin1'))
}

function statOrNothing(path: string) {
  try {
    return lstatSync(toPath(path))
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')
}

/** A mount of another user's, or one whose server is gone. */
function isOutOfReach(error: unknown): boolean {
  return [
    'EACCES',
    'EPERM',
    'ENOTCONN',
    'ECONNABORTED',
    'EIO',
    'ESTALE',
    'ETIMEDOUT',
    'EHOSTDOWN',
    'EHOSTUNREACH',
    'EREMOTEIO',
    'ENODEV',
    'ENXIO',
    'ENOKEY',
  ].includes(errnoOf(error) ?? '')
}
