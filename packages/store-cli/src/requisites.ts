// What paths need: all that they refer to, and that those refer to.
import { queryReferences } from './queries.ts'
import type { StoreClient } from './store-client.ts'

/** Path → what it refers to, of `paths` and of all that they need: breadth first. */
export async function queryRequisites(
  client: StoreClient,
  paths: readonly string[],
): Promise<Map<string, string[]>> {
  const references = new Map<string, string[]>()
  // A Set can be added to while it is gone through.
  const needed = new Set(paths)
  for (const path of needed) {
    const found = await queryReferences(client, path)
    references.set(path, found)
    for (const reference of found) needed.add(reference)
  }
  return references
}

/** References first; what is independent in order of names. */
export function sortTopologically(references: ReadonlyMap<string, readonly string[]>): string[] {
  const sorted: string[] = []
  const seen = new Set<string>()
  for (const start of [...references.keys()].sort()) {
    if (seen.has(start)) continue
    seen.add(start)
    const stack = [{ path: start, next: 0 }]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const reference = references.get(top.path)?.[top.next++]
      if (reference === undefined) {
        sorted.push(top.path)
        stack.pop()
      } else if (references.has(reference) && !seen.has(reference)) {
        seen.add(reference)
        stack.push({ path: reference, next: 0 })
      }
    }
  }
  return sorted
}
