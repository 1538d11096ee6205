// Opens the store's database: the only file that imports better-sqlite3.
import type Sqlite from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { versions } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Connection = Sqlite.Database
export type Statement = Sqlite.Statement

export type OpenOptions = {
  readonly?: boolean
  /** How long SQLite itself waits, blocking the thread, for a lock that another process holds. */
  busyMs?: number
}

/** Throws STORE_CONFIG as findBinding() does. */
export function openConnection(file: string, { readonly = false, busyMs = 0 }: OpenOptions = {}): Connection {
  // Loaded here and not by an import, so that `--help` does not load a megabyte of SQLite.
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof Sqlite
  return new Database(file, { readonly, timeout: busyMs, nativeBinding: findBinding() })
}

/**
 * The native part, which is compiled for one version of Node: beside the bundle when there is one, else in the
 * package's dist. What is in node_modules goes with every `npm ci`. Throws STORE_CONFIG when there is none.
 */
export function findBinding(): string {
  const name = `sqlite-abi${versions.modules}.node`
  const beside = join(import.meta.dirname, name)
  if (existsSync(beside)) return beside
  const built = join(import.meta.dirname, '../../dist', name)
  if (existsSync(built)) return built
  const reason = `SQLite is not built for Node ${versions.node}; run 'npm run build' in the source tree`
  throw new ToolError('STORE_CONFIG', { reason })
}

/** Whether another process holds a lock that has to be waited for. */
export function isBusy(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY')
}
