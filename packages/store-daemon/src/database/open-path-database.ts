// The database as the daemon uses it.
import { join } from 'node:path'
import { explainFailure } from './explain-failure.ts'
import { makePathDatabase, type PathDatabase } from './path-database.ts'
import { openDatabase } from './schema.ts'

/** Throws SCHEMA_UNSUPPORTED; STORE_FAILED where it cannot be read or has not the tables. */
export function openPathDatabase(directory: string): PathDatabase {
  try {
    const connection = openDatabase(directory)
    try {
      return makePathDatabase(connection)
    } catch (error) {
      connection.close()
      throw error
    }
  } catch (error) {
    throw explainFailure(error, join(directory, 'db.sqlite'))
  }
}
