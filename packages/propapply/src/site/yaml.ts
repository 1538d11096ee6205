// YAML, and JSON, to site items that know the line of each property and of its fields. The only file that imports
// the yaml package.
// Pure: no I/O.
import { isMap, isSeq, LineCounter, parseAllDocuments, type Node } from 'yaml'
import { ToolError } from '@plumbline/common/error/tool-error'
import { listExpected, type SiteItem } from './item.ts'

/** Throws SITE_INVALID, naming the line. */
export function parseYamlSite(text: string, path: string, directory: string): SiteItem[] {
  const lines = new LineCounter()
  const lineAt = (node: unknown) => {
    const [offset = 0] = (node as Node | null)?.range ?? []
    return `${path}, line ${lines.linePos(offset).line}`
  }
  const documents = parseAllDocuments(text, { lineCounter: lines })
  return [...documents].flatMap((document) => {
    const [error] = document.errors
    if (error) {
      const line = lines.linePos(error.pos[0]).line
      const [reason = ''] = error.message.split(/ at line \d/)
      throw new ToolError('SITE_INVALID', { where: `${path}, line ${line}`, reason })
    }
    const root = document.contents
    if (root === null) return []
    return itemsOf(root, path).map((node) => ({
      value: (node as Node).toJS(document),
      where: (field?: string) => {
        const pair = isMap(node)
          ? node.items.find(({ key }) => String(key) === field?.split('.')[0])
          : undefined
        return lineAt(pair ? pair.key : node)
      },
      directory,
    }))
  })
}

function itemsOf(root: Node, path: string): unknown[] {
  if (isSeq(root)) return root.items
  if (isMap(root)) {
    const list = root.get('properties', true) as unknown
    if (isSeq(list)) return list.items
    if (root.has('property')) return [root]
  }
  throw new ToolError('SITE_INVALID', { where: path, reason: listExpected })
}
