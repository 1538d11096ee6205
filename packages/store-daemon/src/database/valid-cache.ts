// The ids of paths that were valid when last asked, for as long as no other process has written.
import { openSync, readSync } from 'node:fs'
import type { Connection } from './open.ts'

const maxEntries = 50_000

export function validCache(connection: Connection) {
  const version = connection.prepare<unknown[], number>('pragma data_version').pluck()
  const ids = new Map<string, number>()
  let seen = version.get()
  let checkedThisTurn = false
  const isAsItWas = watchCommits(`${connection.name}-shm`)

  const check = () => {
    if (checkedThisTurn) return
    checkedThisTurn = true
    setImmediate(() => (checkedThisTurn = false))
    if (isAsItWas()) return
    const now = version.get()
    if (now !== seen) ids.clear()
    seen = now
  }

  return {
    get(path: string): number | undefined {
      check()
      return ids.get(path)
    },
    set(path: string, id: number): void {
      if (ids.size >= maxEntries) ids.clear()
      ids.set(path, id)
    },
    delete(path: string): void {
      ids.delete(path)
    },
    clear(): void {
      ids.clear()
    },
  }
}

/** "WAL-mode File Format", 2.1: the header of the index, which holds a count of the transactions, and a checksum. */
const headerBytes = 48

/**
 * Whether nobody has committed since it was last called, by the header of the database's index, which costs a third
 * of what data_version does: that begins a transaction. False when in doubt. The file is never closed, since closing
 * it would drop the locks of this process on it (fcntl(2)), which are SQLite's.
 */
function watchCommits(index: string): () => boolean {
  let file: number | undefined
  let [last, next] = [Buffer.alloc(headerBytes), Buffer.alloc(headerBytes)]
  return () => {
    try {
      file ??= openSync(index, 'r')
      if (readSync(file, next, 0, headerBytes, 0) !== headerBytes) return false
    } catch {
      // Not a database with a log of its own yet.
      return false
    }
    const isSame = next.equals(last)
    ;[last, next] = [next, last]
    return isSame
  }
}
