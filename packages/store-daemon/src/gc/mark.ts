// Marks what is alive in a graph, and orders what is not.
// Pure: no I/O.
import { makeEdges, type Edges } from './edges.ts'

/** Sets `alive` for `roots` and all that they keep; calls `onMark` for each node that was not set before. */
export function markAlive(
  edges: Edges,
  alive: Uint8Array,
  roots: Iterable<number>,
  onMark: (node: number) => void = () => undefined,
): void {
  const stack: number[] = []
  const visit = (node: number) => {
    if (alive[node] !== 0) return
    alive[node] = 1
    onMark(node)
    stack.push(node)
  }
  for (const root of roots) visit(root)
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const end = edges.offsets[node + 1] ?? 0
    for (let at = edges.offsets[node] ?? 0; at < end; at++) visit(edges.targets[at] ?? 0)
  }
}

/**
 * The nodes for which `wanted` says so, each before everything that it refers to: whatever has been deleted in
 * this order, nothing that is left refers to something deleted.
 */
export function orderReferrersFirst(edges: Edges, wanted: (node: number) => boolean): Uint32Array {
  const nodes = edges.offsets.length - 1
  const seen = new Uint8Array(nodes)
  const order: number[] = []
  for (let start = 0; start < nodes; start++) {
    if (seen[start] || !wanted(start)) continue
    seen[start] = 1
    // A node is finished when all it refers to is: the reverse of finishing is the order.
    const stack = [{ node: start, at: edges.offsets[start] ?? 0 }]
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.at === (edges.offsets[top.node + 1] ?? 0)) {
        order.push(top.node)
        stack.pop()
        continue
      }
      const next = edges.targets[top.at++] ?? 0
      if (seen[next] || !wanted(next)) continue
      seen[next] = 1
      stack.push({ node: next, at: edges.offsets[next] ?? 0 })
    }
  }
  return Uint32Array.from(order.toReversed())
}

/** The nodes, and all that refer to them, directly or not. */
export function closeOverReferrers(edges: Edges, nodes: Iterable<number>): Uint8Array {
  const count = edges.offsets.length - 1
  const pairs: number[] = []
  for (let node = 0; node < count; node++) {
    for (let at = edges.offsets[node] ?? 0; at < (edges.offsets[node + 1] ?? 0); at++) {
      pairs.push(edges.targets[at] ?? 0, node)
    }
  }
  const reached = new Uint8Array(count)
  markAlive(makeEdges(count, [pairs]), reached, nodes)
  return reached
}

/** The chain of nodes from one of `roots` to `node`, each keeping the next; undefined when there is none. */
export function findChain(edges: Edges, roots: Iterable<number>, node: number): number[] | undefined {
  const from = new Int32Array(edges.offsets.length - 1).fill(-2)
  const queue: number[] = []
  for (const root of roots) {
    if (from[root] !== -2) continue
    from[root] = -1
    queue.push(root)
  }
  for (let at = 0; at < queue.length && from[node] === -2; at++) {
    const current = queue[at] ?? 0
    for (let edge = edges.offsets[current] ?? 0; edge < (edges.offsets[current + 1] ?? 0); edge++) {
      const next = edges.targets[edge] ?? 0
      if (from[next] !== -2) continue
      from[next] = current
      queue.push(next)
    }
  }
  if (from[node] === -2) return undefined
  const chain: number[] = []
  for (let at = node; at >= 0; at = from[at] ?? -1) chain.unshift(at)
  return chain
}
