// Reads a file of a builder's output block by block, with other work in between.
import { closeSync, openSync, readSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import type { Turn } from '../work/job.ts'

const maxBlock = 1024 * 1024

/** `size` is what is expected; `onBlock` may not keep what it is given. */
export async function readBlocks(
  path: string,
  size: number,
  onBlock: (block: Buffer) => void,
  turn: Turn,
): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(size + 1, maxBlock))
  const fd = openSync(toPath(path), 'r')
  try {
    for (let count; (count = readSync(fd, block)) > 0;) {
      onBlock(block.subarray(0, count))
      const pause = turn()
      if (pause) await pause
    }
  } finally {
    closeSync(fd)
  }
}
