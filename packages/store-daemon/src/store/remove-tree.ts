// Removes a file or a tree, whatever the modes of its directories are, and counts what that gives back.
import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { native } from '@plumbline/common/syscall/native'

/**
 * Removes `path`, a byte string, and returns the bytes of files whose last link it was. With deduplication a file has
 * one link more, in .links, which `linksLeft` = 1 allows for. Nothing there is no error.
 */
export function removeTree(path: string, linksLeft = 0): number {
  let freed = 0
  const open: { path: string; names: string[] }[] = []
  const visit = (node: string) => {
    const stat = statOf(node)
    if (!stat) return
    if (stat.isDirectory()) {
      if ((stat.mode & 0o700) !== 0o700) chmodSync(toPath(node), 0o700)
      open.push({ path: node, names: readdirSync(toPath(node), 'latin1') })
      return
    }
    if (stat.nlink <= 1 + (stat.isFile() ? linksLeft : 0)) freed += stat.size
    unlinkSync(toPath(node))
  }
  visit(path)
  for (let directory = open.at(-1); directory; directory = open.at(-1)) {
    const name = directory.names.pop()
    if (name !== undefined) visit(`${directory.path}/${name}`)
    else {
      rmdirSync(toPath(directory.path))
      open.pop()
    }
  }
  return freed
}

/** Whether there is something of that name, a byte string. */
export function exists(path: string): boolean {
  return native().exists(path) === 1
}

function statOf(path: string) {
  // Asked for in place of an error, whose making costs more than the call.
  return lstatSync(toPath(path), { throwIfNoEntry: false })
}
