// The directory that a builder starts in: /tmp/guix-build-NAME.drv-N.
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'

export type BuildDirectory = {
  /** What nobody but the daemon gets into. */
  path: string
  /** What is the builder's. */
  top: string
}

/** With `nested`, the builder's directory is inside one that its user cannot enter from outside a sandbox. */
export function makeBuildDirectory(
  derivationName: string,
  owner: { uid: number; gid: number } | undefined,
  nested: boolean,
): BuildDirectory {
  const prefix = `${tmpdir()}/guix-build-${derivationName}`
  for (let number = 0; ; number++) {
    const path = `${prefix}-${number}`
    try {
      mkdirSync(path, 0o700)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') continue
      throw error
    }
    const top = nested ? `${path}/top` : path
    if (nested) mkdirSync(top, 0o700)
    if (owner) chownSync(top, owner.uid, owner.gid)
    return { path, top }
  }
}

/** What the builder sees it as, inside a sandbox: always the same. */
export function insideName(derivationName: string): string {
  return `/tmp/guix-build-${derivationName}-0`
}

/** Leaves it for whoever asked for the build; its name. */
export function keepBuildDirectory(
  { path, top }: BuildDirectory,
  user: { uid: number; gid: number } | undefined,
): string {
  if (user) giveTree(top, user)
  chmodSync(top, 0o755)
  if (top !== path) {
    const pivot = `${path}.pivot`
    renameSync(path, pivot)
    renameSync(`${pivot}/top`, path)
    rmdirSync(pivot)
  }
  return path
}

function giveTree(top: string, { uid, gid }: { uid: number; gid: number }): void {
  for (const open = [top]; open.length > 0;) {
    const path = open.pop() ?? top
    lchownSync(toPath(path), uid, gid)
    if (!lstatSync(toPath(path)).isDirectory()) continue
    for (const name of readdirSync(toPath(path), 'latin1')) open.push(`${path}/${name}`)
  }
}
