// Makes the files of a new item share inodes with equal ones.
import type { Hash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readSync, rmSync, type Stats } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { deduplicateFile, deduplicationMinimum, linkOf } from '../store/deduplicate.ts'
import { endFileHash, startFileHash } from '../store/file-hash.ts'
import { makeTurns, type Job } from '../work/job.ts'

/** `repair`: contents that others share may be what was damaged, and would be shared again. */
export type DeduplicateOutput = { store: string; path: string; repair: boolean }

export const deduplicateOutput: Job<DeduplicateOutput, void> = async ({ store, path, repair }) => {
  const turn = makeTurns()
  for (const open = [path]; open.length > 0;) {
    const node = open.pop() ?? path
    const stat = lstatSync(toPath(node))
    if (stat.isDirectory()) {
      for (const name of readdirSync(toPath(node), 'latin1')) open.push(`${node}/${name}`)
    } else if (stat.isFile() && stat.size >= deduplicationMinimum) {
      const hash = hashFile(node, stat)
      if (repair) dropDamaged(linkOf(store, hash), hash)
      deduplicateFile(store, node, hash)
    }
    const pause = turn()
    if (pause) await pause
  }
}

function dropDamaged(link: string, hash: Uint8Array): void {
  const stat = lstatSync(link, { throwIfNoEntry: false })
  if (stat && Buffer.compare(hashFile(link, stat), hash) !== 0) rmSync(link, { force: true })
}

function hashFile(path: string, { size, mode }: Stats): Uint8Array {
  const hash = startFileHash(size, (mode & 0o100) !== 0)
  hashContents(path, hash, size)
  return endFileHash(hash, size)
}

function hashContents(path: string, hash: Hash, size: number): void {
  const block = Buffer.allocUnsafe(Math.min(size, 1024 * 1024))
  const fd = openSync(toPath(path), 'r')
  try {
    for (let count; (count = readSync(fd, block)) > 0;) hash.update(block.subarray(0, count))
  } finally {
    closeSync(fd)
  }
}
