// The edges of a graph over integers, packed.
// Pure: no I/O.

/** Edges of node n are targets[offsets[n]] up to targets[offsets[n + 1]]. */
export type Edges = { offsets: Uint32Array; targets: Uint32Array }

/** Edges from lists of pairs from, to. */
export function makeEdges(nodes: number, lists: readonly (readonly number[])[]): Edges {
  const offsets = new Uint32Array(nodes + 1)
  let total = 0
  for (const pairs of lists) {
    for (let at = 0; at < pairs.length; at += 2) {
      const from = pairs[at] ?? -1
      if (from < 0 || (pairs[at + 1] ?? -1) < 0) continue
      offsets[from + 1] = (offsets[from + 1] ?? 0) + 1
      total++
    }
  }
  for (let node = 0; node < nodes; node++) offsets[node + 1] = (offsets[node + 1] ?? 0) + (offsets[node] ?? 0)
  const targets = new Uint32Array(total)
  const next = offsets.slice()
  for (const pairs of lists) {
    for (let at = 0; at < pairs.length; at += 2) {
      const from = pairs[at] ?? -1
      const to = pairs[at + 1] ?? -1
      if (from < 0 || to < 0) continue
      const place = next[from] ?? 0
      targets[place] = to
      next[from] = place + 1
    }
  }
  return { offsets, targets }
}
