// The directories of a store and its state, made when the first connection needs them.
import { chmodSync, chownSync, lstatSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Config } from '../config.ts'
import { makeDirectory } from './make-directory.ts'

export function makeDirectories(config: Config): void {
  const { store, state } = config
  try {
    const isNew = makeDirectory(store)
    // A store that is there keeps its owner and mode: they are the administrator's.
    if (isNew || config.buildUsersGroup) giveStoreItsMode(config)
    makeDirectory(join(store, '.links'))
    for (const name of ['temproots', 'gcroots/auto', 'profiles/per-user', 'userpool']) {
      makeDirectory(join(state, name))
    }
    makeSymlink(join(state, 'profiles'), join(state, 'gcroots/profiles'))
    makeDirectory(config.database)
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError('STORE_CONFIG', { reason: `Cannot make the store's directories: ${reasonOf(error)}` })
  }
  if (!config.ignoreSymlinkStore) refuseSymlinks(store)
}

function giveStoreItsMode({ store, buildUsersGroup }: Config): void {
  if (buildUsersGroup) chownSync(store, 0, gidOf(buildUsersGroup))
  chmodSync(store, 0o1775)
}

/** The gid of a group in /etc/group. Throws STORE_CONFIG. */
export function gidOf(group: string): number {
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [name, , gid] = line.split(':')
    if (name === group && gid) return Number(gid)
  }
  throw new ToolError('STORE_CONFIG', {
    reason: `the group \`${group}' specified in \`build-users-group' does not exist`,
  })
}

function makeSymlink(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/** A symlink would let the same item have two names, and references to one of them would not be found. */
function refuseSymlinks(path: string): void {
  for (let part = path; part !== '/'; part = dirname(part)) {
    if (lstatSync(part).isSymbolicLink()) {
      throw new ToolError('STORE_CONFIG', {
        reason: `the path \`${part}' is a symlink; this is not allowed for the store and its parent directories`,
      })
    }
  }
}
