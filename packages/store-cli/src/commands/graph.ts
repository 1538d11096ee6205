// What refers to what among all that the paths need: as records, for Graphviz, or as a picture.
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Context } from '../context.ts'
import { formatDot, type Graph } from '../graph/format-dot.ts'
import { formatSvg } from '../graph/format-svg.ts'
import { readPaths } from '../input-paths.ts'
import { queryRequisites } from '../queries.ts'
import { sortTopologically } from './closure.ts'

export async function showGraph(context: Context): Promise<void> {
  if (context.has('dot') && context.has('svg')) {
    throw new ToolError('USAGE', { reason: '--dot and --svg exclude each other' })
  }
  const given: string[] = []
  for await (const batch of readPaths(context)) given.push(...batch.map(toByteString))
  let references: Map<string, string[]>
  try {
    references = await queryRequisites(context.client, given)
  } catch (error) {
    await context.fail(error)
    return
  }
  // What is needed comes before what needs it.
  const graph: Graph = sortTopologically(references).map((path) => ({
    path: fromByteString(path),
    references: (references.get(path) ?? []).filter((each) => each !== path).map(fromByteString),
  }))
  if (context.has('dot') || context.has('svg')) {
    const text = context.has('dot') ? formatDot(graph) : formatSvg(graph)
    await context.tool.records.writeBytes(Buffer.from(text))
    return
  }
  for (const { path, references: to } of graph) {
    await context.emit({ type: 'node', path })
    for (const each of to) await context.emit({ type: 'edge', path, reference: each })
  }
}
