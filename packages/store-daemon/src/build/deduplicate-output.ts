// Makes the files of a new item share inodes with equal ones.
import { lstatSync, readdirSync, rmSync, type Stats } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { deduplicateFile, deduplicationMinimum, linkOf } from '../store/deduplicate.ts'
import { endFileHash, startFileHash } from '../store/file-hash.ts'
import { makeStoppableTurns, type Job, type Turn } from '../work/job.ts'
import { readBlocks } from './read-blocks.ts'

/** `repair`: contents that others share may be what was damaged, and would be shared again. */
export type DeduplicateOutput = { store: string; path: string; repair: boolean }

export const deduplicateOutput: Job<DeduplicateOutput, void> = async ({ store, path, repair }, port) => {
  const turn = makeStoppableTurns(port, 'The build')
  for (const open = [path]; open.length > 0;) {
    const node = open.pop() ?? path
    const stat = lstatSync(toPath(node))
    if (stat.isDirectory()) {
      for (const name of readdirSync(toPath(node), 'latin1')) open.push(`${node}/${name}`)
    } else if (stat.isFile() && stat.size >= deduplicationMinimum) {
      const hash = await hashFile(node, stat, turn)
      if (repair) await dropDamaged(linkOf(store, hash), hash, turn)
      deduplicateFile(store, node, hash)
    }
    const pause = turn()
    if (pause) await pause
  }
}

async function dropDamaged(link: string, hash: Uint8Array, turn: Turn): Promise<void> {
  const stat = lstatSync(link, { throwIfNoEntry: false })
  if (stat && Buffer.compare(await hashFile(link, stat, turn), hash) !== 0) rmSync(link, { force: true })
}

async function hashFile(path: string, { size, mode }: Stats, turn: Turn): Promise<Uint8Array> {
  const hash = startFileHash(size, (mode & 0o100) !== 0)
  await readBlocks(path, size, (block) => void hash.update(block), turn)
  return endFileHash(hash, size)
}
