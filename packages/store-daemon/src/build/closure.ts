// All that some valid paths need.
import type { PathDatabase } from '../database/path-database.ts'

/** The paths and all they refer to, directly or not, in order of bytes. What is not valid is left out. */
export function closureOf(database: PathDatabase, paths: Iterable<string>): string[] {
  const seen = new Set(paths)
  for (const path of seen) {
    const references = database.references(path)
    if (!references) seen.delete(path)
    else for (const reference of references) seen.add(reference)
  }
  return [...seen].sort()
}
