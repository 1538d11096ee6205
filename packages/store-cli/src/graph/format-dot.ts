// A graph of references in the language of Graphviz, dot(1).
// Pure: no I/O.
import { storeBaseName, storeName } from '@plumbline/common/store/store-path'

/** Each path after what it refers to. */
export type Graph = readonly { path: string; references: readonly string[] }[]

export function formatDot(graph: Graph): string {
  const id = (path: string) => quote(storeBaseName(path))
  const lines = graph.flatMap(({ path, references }) => [
    `  ${id(path)} [label = ${quote(storeName(path))}, shape = ${path.endsWith('.drv') ? 'box' : 'ellipse'}];`,
    ...references.map((each) => `  ${id(path)} -> ${id(each)};`),
  ])
  return `digraph store {\n${lines.join('\n')}\n}\n`
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
