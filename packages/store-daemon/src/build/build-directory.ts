// The directory that a builder starts in: /tmp/guix-build-NAME.drv-N.
import { chmodSync, fstatSync, lstatSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { holdName } from '@plumbline/common/process/hold-name'
import { toPath } from '@plumbline/common/store/byte-string'
import { giveTree } from './give-tree.ts'

export type BuildDirectory = {
  /** What nobody but the daemon gets into. */
  path: string
  /** What is the builder's. */
  top: string
  /** Gives the name back. */
  release: () => void
}

/** Names that builds of this process have, or are about to. */
const claimed = new Set<string>()

/**
 * The first name that is free; whoever runs the build makes it. With `nested`, the builder's directory is inside one
 * that its user cannot enter from outside a sandbox.
 */
export function claimBuildDirectory(derivationName: string, nested: boolean): BuildDirectory {
  const prefix = `${tmpdir()}/guix-build-${derivationName}`
  let number = 0
  const isTaken = (path: string) =>
    claimed.has(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined
  while (isTaken(`${prefix}-${number}`)) number++
  const path = `${prefix}-${number}`
  claimed.add(path)
  return { path, top: nested ? `${path}/top` : path, release: () => void claimed.delete(path) }
}

/** Steps of a sandbox request that make it, with files in it; see sandbox/build-root.c. */
export function makeDirectorySteps(
  { path, top }: BuildDirectory,
  owner: { uid: number; gid: number } | undefined,
  files: readonly { name: string; contents: string }[],
): string[] {
  const own = owner ? `${owner.uid} ${owner.gid}` : '-1 -1'
  return [
    ...(top === path ? [] : [`d700 -1 -1 ${path}`]),
    `d700 ${own} ${top}`,
    ...files.map(({ name, contents }) => `f${top}/${name}\n${contents}`),
  ]
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
  if (!user) takeSetIds(top)
  // Before it is somebody's who could put a link in its place.
  setMode(top, 0o755)
  if (user) giveTree(top, user)
  if (top !== path) {
    const pivot = `${path}.pivot`
    renameSync(path, pivot)
    renameSync(`${pivot}/top`, path)
    rmdirSync(pivot)
  }
  return path
}

/** Of set-id bits everybody who gets at it would have the use. To give it away takes them off, too. */
function takeSetIds(top: string): void {
  for (const open = [top]; open.length > 0;) {
    const path = open.pop() ?? top
    const stat = lstatSync(toPath(path))
    if (stat.isSymbolicLink()) continue
    if ((stat.mode & 0o6000) !== 0) setMode(path, stat.mode & 0o1777)
    if (!stat.isDirectory()) continue
    for (const name of readdirSync(toPath(path), 'latin1')) open.push(`${path}/${name}`)
  }
}

/** Of what has that name, and not of what a link leads to that is there by now. */
function setMode(path: string, mode: number): void {
  holdName(toPath(path), (fd, held) => {
    if (!fstatSync(fd).isSymbolicLink()) chmodSync(held, mode)
  })
}
