// What paths need: `requisites` in order of names, `topo` with every path after what it refers to.
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import type { Context } from '../context.ts'
import { readPaths } from '../input-paths.ts'
import { queryRequisites } from '../queries.ts'

export async function showClosure(context: Context): Promise<void> {
  const given: string[] = []
  for await (const batch of readPaths(context)) given.push(...batch.map(toByteString))
  let references: Map<string, string[]>
  try {
    references = await queryRequisites(context.client, given)
  } catch (error) {
    return context.fail(error)
  }
  const isTopological = context.tool.arguments.command === 'topo'
  const sorted = isTopological ? sortTopologically(references) : [...references.keys()].sort()
  for (const path of sorted) await context.emit({ type: 'path', path: fromByteString(path) })
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
