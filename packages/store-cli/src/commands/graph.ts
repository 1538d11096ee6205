// What refers to what among all that the paths need: as records, for Graphviz, or as a picture.
import { fromByteString } from '@plumbline/common/store/byte-string'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Context } from '../context.ts'
import { formatDot, type Graph } from '../graph/format-dot.ts'
import { formatSvg } from '../graph/format-svg.ts'
import { readAllPaths } from '../input-paths.ts'
import { queryRequisites, sortTopologically } from '../requisites.ts'

export async function showGraph(context: Context): Promise<void> {
  if (context.has('dot') && context.has('svg')) {
    throw new ToolError('USAGE', { reason: '--dot and --svg exclude each other' })
  }
  const given = await readAllPaths(context)
  try {
    await writeGraph(context, await readGraph(context, given))
  } catch (error) {
    await context.fail(error)
  }
}

/** What is needed comes before what needs it. */
async function readGraph({ client }: Context, paths: readonly string[]): Promise<Graph> {
  const references = await queryRequisites(client, paths)
  return sortTopologically(references).map((path) => ({
    path: fromByteString(path),
    references: (references.get(path) ?? []).filter((each) => each !== path).map(fromByteString),
  }))
}

async function writeGraph(context: Context, graph: Graph): Promise<void> {
  if (context.has('dot') || context.has('svg')) {
    const text = context.has('dot') ? formatDot(graph) : formatSvg(graph)
    await context.tool.records.writeBytes(Buffer.from(text))
    return
  }
  for (const { path, references } of graph) {
    await context.emit({ type: 'node', path })
    for (const reference of references) await context.emit({ type: 'edge', path, reference })
  }
}
