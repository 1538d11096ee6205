// A graph of references as a picture: SVG 1.1, in layers, what is needed to the right of what needs it.
//
// The layers are those of Sugiyama, Tagawa and Toda (1981): a node is one layer beyond the furthest that it refers to,
// and within its layer near the middle of those that refer to it, which keeps most lines short.
// Pure: no I/O.
import { storeName } from '@plumbline/common/store/store-path'
import type { Graph } from './format-dot.ts'

const row = 28
const gap = 90
const margin = 12
const letter = 7.2
const sweeps = 4

type Node = {
  path: string
  references: readonly string[]
  layer: number
  order: number
  x: number
  y: number
}

export function formatSvg(graph: Graph): string {
  const layers = arrange(graph)
  place(layers)
  const nodes = new Map(layers.flat().map((node) => [node.path, node]))
  const width = Math.max(...layers.map((layer) => (layer[0]?.x ?? 0) + widthOf(layer)), 0) + margin
  const height = Math.max(...layers.map((layer) => layer.length), 1) * row + 2 * margin
  const edges = [...nodes.values()].flatMap((node) =>
    node.references.flatMap((path) => {
      const to = nodes.get(path)
      return to ? [drawEdge(node, to)] : []
    }),
  )
  const boxes = [...nodes.values()].map(drawNode)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" font-family="monospace" font-size="12">`,
    '<g fill="none" stroke="#999">',
    ...edges,
    '</g>',
    ...boxes,
    '</svg>',
    '',
  ].join('\n')
}

/** From what nothing refers to, to what refers to nothing. */
function arrange(graph: Graph): Node[][] {
  const nodes = new Map<string, Node>()
  for (const { path, references } of graph) {
    const below = references.map((each) => nodes.get(each)?.layer ?? -1)
    nodes.set(path, { path, references, layer: Math.max(-1, ...below) + 1, order: 0, x: 0, y: 0 })
  }
  const layers: Node[][] = []
  for (const node of nodes.values()) (layers[node.layer] ??= []).push(node)
  layers.reverse()
  const referrers = new Map<string, Node[]>()
  for (const node of nodes.values()) {
    for (const path of node.references) referrers.set(path, [...(referrers.get(path) ?? []), node])
  }
  const number = (layer: Node[]) => layer.forEach((node, index) => (node.order = index))
  layers.forEach(number)
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const layer of layers) {
      const middle = new Map(layer.map((node) => [node, mean(referrers.get(node.path) ?? [], node.order)]))
      layer.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0))
      number(layer)
    }
  }
  return layers
}

function mean(nodes: readonly Node[], otherwise: number): number {
  return nodes.length === 0 ? otherwise : nodes.reduce((sum, { order }) => sum + order, 0) / nodes.length
}

function place(layers: readonly Node[][]): void {
  const most = Math.max(...layers.map((layer) => layer.length), 1)
  let x = margin
  for (const layer of layers) {
    const top = margin + ((most - layer.length) * row) / 2
    for (const node of layer) {
      node.x = x
      node.y = top + node.order * row
    }
    x += widthOf(layer) + gap
  }
}

const labelWidth = (path: string) => storeName(path).length * letter + 12
const widthOf = (layer: readonly Node[]) => Math.max(...layer.map(({ path }) => labelWidth(path)))
const boxHeight = row - 8

function drawNode({ path, x, y }: Node): string {
  const fill = path.endsWith('.drv') ? '#eef' : '#efe'
  const box = `<rect x="${x}" y="${y}" width="${labelWidth(path)}" height="${boxHeight}" rx="4" fill="${fill}" stroke="#666"/>`
  const label = `<text x="${x + 6}" y="${y + boxHeight - 6}">${escape(storeName(path))}</text>`
  return `<g><title>${escape(path)}</title>${box}${label}</g>`
}

function drawEdge(from: Node, to: Node): string {
  const [x1, y1] = [from.x + labelWidth(from.path), from.y + boxHeight / 2]
  const [x2, y2] = [to.x, to.y + boxHeight / 2]
  const bend = Math.max(20, (x2 - x1) / 2)
  return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`
}

function escape(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
