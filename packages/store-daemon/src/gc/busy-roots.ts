// Items that running processes use: their executable, directory, open files, mapped files and environment.
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isOutOfFiles } from '@plumbline/common/error/translate'
import { storeItemOf } from '@plumbline/common/store/store-path'
import type { Turn } from '../work/job.ts'

/** Bytes of a file of /proc that are read at once. */
const blockSize = 64 * 1024

/** Paths of items, valid or not. What may not be read is passed over: only root sees all. Throws STORE_FAILED. */
export async function findBusyRoots(store: string, turn: Turn): Promise<Set<string>> {
  if (!existsSync('/proc/self')) {
    throw new ToolError('STORE_FAILED', {
      reason: 'cannot see what running processes use: /proc is not mounted',
    })
  }
  const found = new Set<string>()
  const add = (path: string) => {
    const item = storeItemOf(store, path)
    if (item) found.add(item)
  }
  const inText = new RegExp(`${escape(store)}/[^/\\0\\s:"']+`, 'g')
  const block = Buffer.allocUnsafeSlow(blockSize)
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const pause = turn()
    if (pause) await pause
    const place = `/proc/${pid}`
    attempt(() => {
      // A thread of the kernel has none, nor anything else; of somebody else's process none of it may be read.
      add(readlinkSync(`${place}/exe`, 'latin1'))
      attempt(() => add(readlinkSync(`${place}/cwd`, 'latin1')))
      for (const fd of readdirSync(`${place}/fd`))
        attempt(() => add(readlinkSync(`${place}/fd/${fd}`, 'latin1')))
      for (const name of ['maps', 'environ']) {
        attempt(() => {
          const bytes = readAll(`${place}/${name}`, block)
          if (!bytes.includes(store)) return
          for (const [path] of bytes.toString('latin1').matchAll(inText)) add(path)
        })
      }
    })
  }
  return found
}

/** A file of /proc, whose size nobody knows; `block` is used again for the next one. */
function readAll(path: string, block: Buffer): Buffer {
  const fd = openSync(path, 'r')
  try {
    let bytes = block
    for (let length = 0; ;) {
      if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.allocUnsafe(length)])
      const count = readSync(fd, bytes, length, bytes.length - length, null)
      if (count === 0) return bytes.subarray(0, length)
      length += count
    }
  } finally {
    closeSync(fd)
  }
}

function attempt(action: () => void): void {
  try {
    action()
  } catch (error) {
    // Else the process has ended, or is somebody else's; what it uses must not be taken for unused.
    if (isOutOfFiles(error)) throw error
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
