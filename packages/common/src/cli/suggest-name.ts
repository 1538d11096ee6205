// The nearest known name to one that is not known.
// Pure: no I/O.
import { closest, distance } from 'fastest-levenshtein'

/** 'did you mean "file.has-content"?', or undefined when nothing is near. */
export function suggestName(name: string, known: readonly string[], prefix = ''): string | undefined {
  if (known.length === 0) return undefined
  const nearest = closest(name, [...known])
  const far = Math.max(2, Math.floor(name.length / 2))
  return distance(name, nearest) <= far ? `did you mean "${prefix}${nearest}"?` : undefined
}
