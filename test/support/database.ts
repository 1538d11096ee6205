// A store's database, opened by a test to see or to change what the daemon has in it.
import { createRequire } from 'node:module'
import type Sqlite from 'better-sqlite3'
import { root } from './shell.ts'

export function openDatabase(file: string, options: Sqlite.Options = {}): Sqlite.Database {
  const folder = `${root}/packages/store-daemon`
  const Database = createRequire(`${folder}/package.json`)('better-sqlite3') as typeof Sqlite
  return new Database(file, {
    ...options,
    nativeBinding: `${folder}/dist/sqlite-abi${process.versions.modules}.node`,
  })
}
