// A nar as a value in memory, for tests: programs never hold one whole.
// Pure: no I/O.
import { ToolError } from '../../error/tool-error.ts'
import { NarParser, type NarSink } from './nar-parser.ts'
import { NarWriter } from './nar-writer.ts'

/** Names and targets are byte strings. */
export type NarNode =
  | { type: 'file'; executable: boolean; contents: Buffer }
  | { type: 'symlink'; target: string }
  | { type: 'directory'; entries: ReadonlyMap<string, NarNode> }

/** The node that `bytes`, exactly one nar, holds. Throws NAR_…, also for a name that comes twice. */
export function parseNar(bytes: Buffer): NarNode {
  const directories = new Map<string, Map<string, NarNode>>()
  let root: NarNode | undefined
  let parts: Buffer[] = []
  const place = (path: string, node: NarNode) => {
    const slash = path.lastIndexOf('/')
    if (slash < 0) return void (root = node)
    const entries = directories.get(path.slice(0, slash))
    const name = path.slice(slash + 1)
    if (entries?.has(name)) throw new ToolError('NAR_INVALID', { reason: `file \`${path}' comes twice` })
    entries?.set(name, node)
  }
  let file: { path: string; executable: boolean } = { path: '', executable: false }
  const sink: NarSink = {
    directory: (path) => {
      const entries = new Map<string, NarNode>()
      place(path, { type: 'directory', entries })
      directories.set(path, entries)
    },
    endDirectory: () => undefined,
    symlink: (path, target) => place(path, { type: 'symlink', target }),
    file: (path, _size, executable) => {
      file = { path, executable }
      parts = []
    },
    contents: (part) => void parts.push(Buffer.from(part)),
    endFile: () =>
      place(file.path, { type: 'file', executable: file.executable, contents: Buffer.concat(parts) }),
  }
  const parser = new NarParser(sink)
  const used = parser.push(bytes)
  parser.end()
  if (used !== bytes.length || !root) throw new ToolError('NAR_INVALID', { reason: 'bytes follow its end' })
  return root
}

/** The nar of `root`; entries are sorted here. */
export function formatNar(root: NarNode): Buffer {
  const blocks: Buffer[] = []
  const writer = new NarWriter((bytes) => void blocks.push(Buffer.from(bytes)))
  const write = (node: NarNode) => {
    if (node.type === 'symlink') return writer.symlink(node.target)
    if (node.type === 'file') {
      writer.file(node.contents.length, node.executable)
      writer.contents(node.contents)
      return writer.endFile(node.contents.length)
    }
    writer.directory()
    const names = [...node.entries.keys()].sort()
    for (const name of names) {
      writer.entry(name)
      const child = node.entries.get(name)
      if (child) write(child)
      writer.endEntry()
    }
    writer.endDirectory()
  }
  write(root)
  writer.end()
  return Buffer.concat(blocks)
}
