// All that some valid paths need.
import type { PathDatabase } from '../database/path-database.ts'

/** The paths and all they refer to, directly or not, in order of bytes. What is not valid is left out. */
export function closureOf(database: PathDatabase, paths: Iterable<string>): string[] {
  const seen = new Set(paths)
  for (const path of seen) {
    const id = database.idOf(path)
    if (id === undefined) seen.delete(path)
    else for (const reference of database.references(id)) seen.add(reference)
  }
  return [...seen].sort()
}
