// What paths need: `requisites` in order of names, `topo` with every path after what it refers to.
import { fromByteString } from '@plumbline/common/store/byte-string'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import { queryRequisites, sortTopologically } from '../requisites.ts'

export async function showClosure(context: Context): Promise<void> {
  const given = await readAllPaths(context)
  try {
    const references = await queryRequisites(context.client, given)
    const isTopological = context.tool.arguments.command === 'topo'
    const sorted = isTopological ? sortTopologically(references) : [...references.keys()].sort()
    for (const path of sorted) await context.emit({ type: 'path', path: fromByteString(path) })
  } catch (error) {
    await context.fail(error)
  }
}
