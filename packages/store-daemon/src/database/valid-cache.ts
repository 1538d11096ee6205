// The ids of paths that were valid when last asked, for as long as no other process has written.
import type { Connection } from './open.ts'

const maxEntries = 50_000

export function validCache(connection: Connection) {
  const version = connection.prepare<unknown[], number>('pragma data_version').pluck()
  const ids = new Map<string, number>()
  let seen = version.get()
  let checkedThisTurn = false

  const check = () => {
    if (checkedThisTurn) return
    checkedThisTurn = true
    setImmediate(() => (checkedThisTurn = false))
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
