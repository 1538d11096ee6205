import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeEdges } from './edges.ts'
import { closeOverReferrers, findChain, markAlive, orderReferrersFirst } from './mark.ts'

const maxNodes = 30

/** Graphs as stores have them: an item refers to older ones, and perhaps to itself. */
const graph = fc.integer({ min: 1, max: maxNodes }).chain((nodes) =>
  fc.record({
    nodes: fc.constant(nodes),
    pairs: fc
      .array(fc.tuple(fc.nat(nodes - 1), fc.nat(nodes - 1)), { maxLength: 80 })
      .map((pairs) => pairs.flatMap(([a, b]) => [Math.max(a, b), Math.min(a, b)])),
    roots: fc.array(fc.nat(nodes - 1), { maxLength: 5 }),
  }),
)

/** What is reached from `roots`, by repeating until nothing changes. */
function closure(pairs: readonly number[], roots: readonly number[]): Set<number> {
  const reached = new Set(roots)
  for (let size = -1; size !== reached.size;) {
    size = reached.size
    for (let at = 0; at < pairs.length; at += 2)
      if (reached.has(pairs[at] ?? -1)) reached.add(pairs[at + 1] ?? -1)
  }
  return reached
}

describe('mark', () => {
  it('markAlive() reaches what the definition reaches', () => {
    fc.assert(
      fc.property(graph, ({ nodes, pairs, roots }) => {
        const alive = new Uint8Array(nodes)
        markAlive(makeEdges(nodes, [pairs]), alive, roots)
        expect([...alive.entries()].filter(([, mark]) => mark).map(([node]) => node)).toEqual(
          [...closure(pairs, roots)].sort((a, b) => a - b),
        )
      }),
    )
  })

  it('orderReferrersFirst() leaves no reference to what is gone, wherever it stops', () => {
    fc.assert(
      fc.property(graph, ({ nodes, pairs, roots }) => {
        const alive = new Uint8Array(nodes)
        const edges = makeEdges(nodes, [pairs])
        markAlive(edges, alive, roots)
        const gone = new Set<number>()
        for (const node of orderReferrersFirst(edges, (each) => !alive[each])) {
          gone.add(node)
          for (let at = 0; at < pairs.length; at += 2) {
            if (gone.has(pairs[at + 1] ?? -1)) expect(gone.has(pairs[at] ?? -1)).toBe(true)
          }
        }
        expect(gone.size).toBe(alive.filter((mark) => !mark).length)
      }),
    )
  })

  it('closeOverReferrers() is markAlive() of the graph turned around', () => {
    fc.assert(
      fc.property(graph, ({ nodes, pairs, roots }) => {
        const reached = closeOverReferrers(makeEdges(nodes, [pairs]), roots)
        const turned = pairs.flatMap((_, at) => (at % 2 ? [] : [pairs[at + 1] ?? 0, pairs[at] ?? 0]))
        expect([...reached.entries()].filter(([, mark]) => mark).map(([node]) => node)).toEqual(
          [...closure(turned, roots)].sort((a, b) => a - b),
        )
      }),
    )
  })

  it('findChain() leads from a root to the node, and is there when the node is alive', () => {
    fc.assert(
      fc.property(graph, fc.nat(maxNodes - 1), ({ nodes, pairs, roots }, pick) => {
        const node = pick % nodes
        const chain = findChain(makeEdges(nodes, [pairs]), roots, node)
        expect(chain !== undefined).toBe(closure(pairs, roots).has(node))
        if (!chain) return
        expect([roots.includes(chain[0] ?? -1), chain.at(-1)]).toEqual([true, node])
        for (const [at, from] of chain.slice(0, -1).entries()) {
          const to = chain[at + 1]
          expect(
            pairs.some((each, index) => index % 2 === 0 && each === from && pairs[index + 1] === to),
          ).toBe(true)
        }
      }),
    )
  })

  it('goes a million levels deep', () => {
    const nodes = 1_000_000
    const edges = makeEdges(nodes, [
      Array.from({ length: 2 * (nodes - 1) }, (_, at) => (at % 2 ? (at - 1) / 2 : at / 2 + 1)),
    ])
    const alive = new Uint8Array(nodes)
    markAlive(edges, alive, [nodes - 1])
    expect(alive.every((mark) => mark === 1)).toBe(true)
    expect(orderReferrersFirst(edges, () => true)[0]).toBe(nodes - 1)
  })
})
