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
  // One long string for each column costs a fifth of stepping through rows: each row is a call into SQLite. What takes
  // it apart is V8's own: a daemon is seldom asked twice, and loops over it would run before they are compiled.
  const column = async (sql: string): Promise<string> => {
    await turn()
    return connection.prepare<[], string | null>(sql).pluck().get() ?? ''
  }
  const numbers = async (sql: string) => JSON.parse(`[${await column(sql)}]`) as number[]
  // The index on paths holds both columns, so that the table itself is not read.
  const from = '(select path, id from ValidPaths order by path)'
  const joined = await column(`select group_concat(path, char(10)) from ${from}`)
  const paths = joined === '' ? [] : joined.split('\n')
  const ids = Float64Array.from(await numbers(`select group_concat(id) from ${from}`))
  let largest = 0
  for (const id of ids) if (id > largest) largest = id
  const nodes = new Int32Array(largest + 1).fill(-1)
  for (let node = 0; node < ids.length; node++) nodes[ids[node] ?? 0] = node

  const pairs = async (sql: string): Promise<number[]> => (await numbers(sql)).map((id) => nodes[id] ?? -1)
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
