// Gives a builder's output the canonical form of items: mode 0444 or 0555, time 1, the daemon as owner.
import { chmodSync, lchownSync, lstatSync, lutimesSync, readdirSync, type Stats } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { BuildFailure } from './build-failure.ts'

export type Canonical = {
  /** Who has made it; undefined when nobody can have been anybody else. */
  builder: number | undefined
  /** Who is to have it. */
  uid: number
  gid: number
}

const canonicalTime = 1

/** Throws BuildFailure. Nobody else may be at work on `path`. */
export function* canonicalise(
  path: string,
  { builder, uid, gid }: Canonical,
): Generator<undefined, void, undefined> {
  // A hard link to a file that is canonical already belongs to the daemon by then.
  const seen = new Set<number>()
  // Directories last, after what is in them has changed their times.
  const directories: { path: string; stat: Stats }[] = []
  for (const open = [path]; open.length > 0;) {
    const node = open.pop() ?? path
    const stat = lstatSync(toPath(node))
    if (!stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink()) {
      throw new BuildFailure('rejected', `file ‘${node}’ has an unsupported type`)
    }
    if (builder !== undefined && stat.uid !== builder && !seen.has(stat.ino)) {
      throw new BuildFailure('rejected', `invalid ownership on file \`${node}'`)
    }
    if (seen.has(stat.ino)) continue
    if (stat.nlink > 1) seen.add(stat.ino)
    // First: it takes set-id bits away, and the right to change the file.
    if (stat.uid !== uid || stat.gid !== gid) lchownSync(toPath(node), uid, gid)
    if (stat.isDirectory()) {
      // The daemon need not be root, and then has to be allowed to look into it.
      chmodSync(toPath(node), 0o755)
      directories.push({ path: node, stat })
      for (const name of readdirSync(toPath(node), 'latin1')) open.push(`${node}/${name}`)
    } else finish(node, stat)
    yield
  }
  for (const directory of directories.toReversed()) finish(directory.path, directory.stat)
}

function finish(path: string, stat: Stats): void {
  if (!stat.isSymbolicLink()) chmodSync(toPath(path), stat.isDirectory() || stat.mode & 0o100 ? 0o555 : 0o444)
  lutimesSync(toPath(path), stat.atime, canonicalTime)
}
