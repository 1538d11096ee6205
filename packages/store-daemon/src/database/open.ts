// Opens the store's database: the only file that imports better-sqlite3.
import type Sqlite from 'better-sqlite3'
import { createRequire } from 'node:module'

export type Connection = Sqlite.Database
export type Statement = Sqlite.Statement

export type OpenOptions = {
  readonly?: boolean
  /** How long SQLite itself waits, blocking the thread, for a lock that another process holds. */
  busyMs?: number
}

export function openConnection(file: string, { readonly = false, busyMs = 0 }: OpenOptions = {}): Connection {
  // Loaded here and not by an import, so that `--help` does not load a megabyte of SQLite.
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof Sqlite
  return new Database(file, { readonly, timeout: busyMs })
}

/** Whether another process holds a lock that has to be waited for. */
export function isBusy(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY')
}
