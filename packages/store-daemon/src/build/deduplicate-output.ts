// Makes the files of a new item share inodes with equal ones.
import type { Hash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { deduplicateFile, deduplicationMinimum } from '../store/deduplicate.ts'
import { endFileHash, startFileHash } from '../store/restore-sink.ts'
import { makeTurns, type Job } from '../work/job.ts'

export const deduplicateOutput: Job<{ store: string; path: string }, void> = async ({ store, path }) => {
  const turn = makeTurns()
  for (const open = [path]; open.length > 0;) {
    const node = open.pop() ?? path
    const stat = lstatSync(toPath(node))
    if (stat.isDirectory()) {
      for (const name of readdirSync(toPath(node), 'latin1')) open.push(`${node}/${name}`)
    } else if (stat.isFile() && stat.size >= deduplicationMinimum) {
      const hash = startFileHash(stat.size, (stat.mode & 0o100) !== 0)
      hashContents(node, hash, stat.size)
      deduplicateFile(store, node, endFileHash(hash, stat.size))
    }
    const pause = turn()
    if (pause) await pause
  }
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
