// The reference graph of the whole store over integers: node n is the n-th valid path in the order of bytes.
import { openConnection, type Connection } from '../database/open.ts'
import type { Turn } from '../work/job.ts'
import { makeEdges, type Edges } from './edges.ts'

export type Graph = {
  /** Row id of each node. */
  ids: Float64Array
  /** Node of each row id, or -1. */
  nodes: Int32Array
  paths: string[]
  /** What an item refers to. */
  references: Edges
  /** What an item keeps alive: its references, and what the settings add. */
  keeps: Edges
}

export type KeepSettings = { keepDerivations: boolean; keepOutputs: boolean }

/** Reads everything in one snapshot. */
export async function readGraph(file: string, settings: KeepSettings, turn: Turn): Promise<Graph> {
  const connection = openConnection(file, { readonly: true, busyMs: 60_000 })
  try {
    connection.exec('begin')
    return await readSnapshot(connection, settings, turn)
  } finally {
    connection.close()
  }
}

async function readSnapshot(
  connection: Connection,
  { keepDerivations, keepOutputs }: KeepSettings,
  turn: Turn,
): Promise<Graph> {
  // One long string for each column costs a fifth of stepping through rows: each row is a call into SQLite.
  const column = async (sql: string, separator: string): Promise<string[]> => {
    await turn()
    const text = connection.prepare<[], string | null>(sql).pluck().get() ?? null
    return text === null ? [] : text.split(separator)
  }
  // The index on paths holds both columns, so that the table itself is not read.
  const from = '(select path, id from ValidPaths order by path)'
  const paths = await column(`select group_concat(path, char(10)) from ${from}`, '\n')
  const ids = Float64Array.from(await column(`select group_concat(id) from ${from}`, ','), Number)
  const largest = ids.reduce((max, id) => Math.max(max, id), 0)
  const nodes = new Int32Array(largest + 1).fill(-1)
  for (const [node, id] of ids.entries()) nodes[id] = node

  const pairs = async (sql: string): Promise<number[]> =>
    (await column(sql, ',')).map((id) => nodes[Number(id)] ?? -1)
  const references = await pairs("select group_concat(referrer || ',' || reference) from Refs")
  const keeps: number[] = []
  if (keepDerivations) {
    // A derivation lives while an item does that it made.
    const made = `select group_concat(o.id || ',' || d.id) from ValidPaths o join ValidPaths d on o.deriver = d.path`
    append(keeps, await pairs(made))
  }
  if (keepOutputs) {
    const outputs =
      "select group_concat(drv || ',' || v.id) from DerivationOutputs o join ValidPaths v on o.path = v.path"
    append(keeps, await pairs(outputs))
  }
  await turn()
  const referenceEdges = makeEdges(paths.length, [references])
  return {
    ids,
    nodes,
    paths,
    references: referenceEdges,
    keeps: keeps.length === 0 ? referenceEdges : makeEdges(paths.length, [references, keeps]),
  }
}

/** push(...items) would put every item on the stack. */
function append(to: number[], items: readonly number[]): void {
  for (const item of items) to.push(item)
}
