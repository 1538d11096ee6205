// The roots that keep items alive: symlinks below gcroots, profiles and manifests of the state directory.
//
// A symlink into the store is a root. One that points to another symlink outside, which points into the store, is an
// indirect root, and called after that other symlink: it is the user's, and removing it removes the root. Only that
// one level is followed. A regular file is a root when an item of its name is valid.
import { lstatSync, readdirSync, readlinkSync, unlinkSync, type Dirent } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { storeItemOf } from '@plumbline/common/store/store-path'
import type { Job } from '../work/job.ts'

/** All byte strings. */
export type Root = { link: string; target: string }
export type FoundRoots = { roots: Root[]; warnings: string[] }

export const findRootsJob: Job<{ store: string; state: string }, FoundRoots> = async ({ store, state }) =>
  findRoots(store, state)

/** Targets are items of the store; whether they are valid is for the caller to see. */
export function findRoots(store: string, state: string): FoundRoots {
  const found: FoundRoots = { roots: [], warnings: [] }
  const automatic = join(state, 'gcroots/auto')
  const visit = (path: string, entry: Dirent | undefined) => {
    try {
      if (entry?.isDirectory() ?? lstatSync(toPath(path)).isDirectory()) {
        const entries = readdirSync(toPath(path), { withFileTypes: true, encoding: 'latin1' as never })
        for (const each of entries) visit(`${path}/${each.name}`, each)
      } else if (entry?.isSymbolicLink()) {
        visitLink(path)
      } else if (entry?.isFile()) {
        found.roots.push({ link: path, target: `${store}/${entry.name}` })
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      if (entry) found.warnings.push(`cannot read potential root \`${path}'`)
    }
  }
  const visitLink = (path: string) => {
    const target = readLink(path)
    const item = storeItemOf(store, target)
    if (item) return void found.roots.push({ link: path, target: item })
    const next = statOrNothing(target)
    if (!next) {
      if (!path.startsWith(`${automatic}/`)) return
      found.warnings.push(`removing stale link from \`${path}' to \`${target}'`)
      unlinkSync(toPath(path))
    } else if (next.isSymbolicLink()) {
      const indirect = storeItemOf(store, readLink(target))
      if (indirect) found.roots.push({ link: target, target: indirect })
    }
  }
  for (const name of ['gcroots', 'manifests', 'profiles']) visit(join(state, name), undefined)
  return found
}

function readLink(path: string): string {
  return resolve(dirname(path), readlinkSync(toPath(path), 'latin1'))
}

function statOrNothing(path: string) {
  try {
    return lstatSync(toPath(path))
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  }
}

function isUnreadable(error: unknown): boolean {
  return ['EACCES', 'ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')
}
