// Gives what a failed build has left to whoever asked for the build.
import { closeSync, constants, fstatSync, lchownSync, lstatSync, openSync, readdirSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'

type User = { uid: number; gid: number }

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants
/** Directories in each other, each of which is open meanwhile. */
const maxDepth = 200

/**
 * What is the builder's below `top`, and that itself. By open directories and not by their names: who gets one, or was
 * let into one by the builder, could put a link to somewhere else in the place of another. What is another's has come
 * by a hard link, and stays.
 */
export function giveTree(top: string, user: User): void {
  const directory = openSync(toPath(top), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const builder = fstatSync(directory).uid
    giveEntries(directory, builder, user, 0)
    lchownSync(toPath(top), user.uid, user.gid)
  } finally {
    closeSync(directory)
  }
}

function giveEntries(directory: number, builder: number, user: User, depth: number): void {
  for (const name of readdirSync(`/proc/self/fd/${directory}`, 'latin1')) {
    try {
      giveEntry(`/proc/self/fd/${directory}/${name}`, builder, user, depth)
    } catch {
      // It has gone, or somebody plays with it: it stays whose it is.
    }
  }
}

function giveEntry(path: string, builder: number, user: User, depth: number): void {
  const stat = lstatSync(toPath(path))
  if (stat.uid !== builder) return
  if (stat.isDirectory() && depth < maxDepth) {
    const fd = openSync(toPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK)
    try {
      giveEntries(fd, builder, user, depth + 1)
    } finally {
      closeSync(fd)
    }
  }
  lchownSync(toPath(path), user.uid, user.gid)
}
