import * as fc from 'fast-check'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { toByteString, toPath } from '../byte-string.ts'
import { hexDigest } from '../hash.ts'
import vectors from '../vectors/nar.json' with { type: 'json' }
import { dumpNar } from './dump-nar.ts'
import { NarParser, type NarSink } from './nar-parser.ts'
import { formatNar, parseNar, type NarNode } from './nar-tree.testing.ts'
import { formatNarString } from './nar-words.ts'

type VectorNode = {
  type: string
  executable?: boolean
  contents_base64?: string
  target?: string
  entries?: { name: string; node: VectorNode }[]
}

const scratch = mkdtempSync(join(tmpdir(), 'nar-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function toNode(node: VectorNode): NarNode {
  if (node.type === 'symlink') return { type: 'symlink', target: toByteString(node.target ?? '') }
  if (node.type === 'directory') {
    const entries = (node.entries ?? []).map(
      (entry) => [toByteString(entry.name), toNode(entry.node)] as const,
    )
    return { type: 'directory', entries: new Map(entries) }
  }
  const contents = Buffer.from(node.contents_base64 ?? '', 'base64')
  return { type: 'file', executable: node.executable === true, contents }
}

function putOnDisk(path: string, node: NarNode): void {
  if (node.type === 'symlink') return symlinkSync(toPath(node.target), toPath(path))
  if (node.type === 'file') {
    writeFileSync(toPath(path), node.contents)
    return chmodSync(toPath(path), node.executable ? 0o744 : 0o655)
  }
  mkdirSync(toPath(path))
  for (const [name, child] of node.entries) putOnDisk(`${path}/${name}`, child)
}

function dump(path: string): Buffer {
  const parts: Buffer[] = []
  dumpNar(path, (part) => void parts.push(Buffer.from(part)))
  return Buffer.concat(parts)
}

const words = (...texts: string[]) => Buffer.concat(texts.map(formatNarString))
const file = (contents: string) => ['(', 'type', 'regular', 'contents', contents, ')']
const entry = (name: string, node: string[]) => ['entry', '(', 'name', name, 'node', ...node, ')']
const directory = (...entries: string[][]) => ['(', 'type', 'directory', ...entries.flat(), ')']
const nar = (...texts: string[]) => words('nix-archive-1', ...texts)

describe('nar', () => {
  it.each(vectors.vectors)('$name: from memory and from disk', (vector) => {
    const node = toNode(vector.tree)
    const bytes = formatNar(node)
    expect([bytes.length, hexDigest('sha256', bytes)]).toEqual([vector.nar_size, vector.nar_sha256])
    if (vector.nar_base64) expect(bytes.toString('base64')).toBe(vector.nar_base64)
    expect(formatNar(parseNar(bytes))).toEqual(bytes)
    const path = join(scratch, vector.name)
    putOnDisk(path, node)
    expect(dump(path)).toEqual(bytes)
  })

  const name = fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map((bytes) => Buffer.from(bytes).toString('latin1').replace(/[/\0]/g, '_'))
    .filter((text) => text !== '.' && text !== '..')
  const { node: tree } = fc.letrec<{ node: NarNode }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.record({
        type: fc.constant('file' as const),
        executable: fc.boolean(),
        contents: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      }),
      fc.record({ type: fc.constant('symlink' as const), target: name }),
      fc.record({
        type: fc.constant('directory' as const),
        entries: fc.array(fc.tuple(name, tie('node')), { maxLength: 5 }).map((entries) => new Map(entries)),
      }),
    ),
  }))

  it('parseNar() inverts formatNar(), and so does the disk', () => {
    let count = 0
    fc.assert(
      fc.property(tree, (node) => {
        const bytes = formatNar(node)
        expect(formatNar(parseNar(bytes))).toEqual(bytes)
        const path = join(scratch, `law-${count++}`)
        putOnDisk(path, node)
        expect(dump(path)).toEqual(bytes)
      }),
    )
  })

  it('NarParser says the same for any chunking, and stops where the nar ends', () => {
    fc.assert(
      fc.property(tree, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (node, sizes) => {
        const bytes = Buffer.concat([formatNar(node), Buffer.from('more')])
        expect(events(bytes, sizes)).toEqual(events(bytes, [bytes.length]))
        expect(events(bytes, sizes).used).toBe(bytes.length - 4)
      }),
    )
  })

  it.each([
    ['another magic', words('nix-archive-2', ...file('x')), 'normalized archive'],
    ['an unknown type', nar('(', 'type', 'wrong', ')'), 'bad archive: unknown file type wrong'],
    ['two types', nar('(', 'type', 'regular', 'type', 'regular', ')'), 'unknown field type'],
    ['a file without contents', nar('(', 'type', 'regular', ')'), 'unknown field'],
    ['".."', nar(...directory(entry('..', file('x')))), "NAR contains invalid file name `..'"],
    ['"."', nar(...directory(entry('.', file('x')))), 'invalid file name'],
    ['an empty name', nar(...directory(entry('', file('x')))), 'invalid file name'],
    ['a slash', nar(...directory(entry('a/b', file('x')))), 'invalid file name'],
    ['a NUL', nar(...directory(entry('a\0b', file('x')))), 'invalid file name'],
    ['a long name', nar(...directory(entry('x'.repeat(256), file('x')))), 'at most 255'],
    ['a name twice', nar(...directory(entry('a', file('x')), entry('a', file('x')))), 'comes twice'],
    ['bytes after it', Buffer.concat([nar(...file('x')), words('x')]), 'bytes follow'],
    [
      'a symlink with entries',
      nar('(', 'type', 'symlink', 'target', 'x', 'entry', '('),
      "expected `)', found",
    ],
    ['a length of 2^63', Buffer.concat([nar(), Buffer.from('0000000000000080', 'hex')]), 'beyond 2^53'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseNar(bytes)).toThrow(message)
  })

  it('refuses a nar that is cut off anywhere', () => {
    const bytes = nar(
      ...directory(entry('a', file('x')), entry('b', ['(', 'type', 'symlink', 'target', 'x', ')'])),
    )
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseNar(bytes.subarray(0, length))).toThrow('bad archive: it is cut off')
    }
  })

  it('refuses 100,000 levels before they take memory', () => {
    const level = words('(', 'type', 'directory', 'entry', '(', 'name', 'a', 'node')
    const bytes = Buffer.concat([nar(), ...Array.from({ length: 100_000 }, () => level)])
    expect(() => parseNar(bytes)).toThrow('longer than 4095')
  })

  it('refuses padding that is not zero', () => {
    const bytes = nar(...file('x'))
    bytes[bytes.indexOf('x\0', 80) + 1] = 1
    expect(() => parseNar(bytes)).toThrow('non-zero padding')
  })

  it('reads entries out of order, and says so', () => {
    const parser = new NarParser(silent)
    parser.push(nar(...directory(entry('b', file('b')), entry('a', file('a')))))
    expect([parser.done, parser.sorted]).toEqual([true, false])
  })
})

const silent: NarSink = {
  directory() {},
  endDirectory() {},
  symlink() {},
  file() {},
  contents() {},
  endFile() {},
}

function events(bytes: Buffer, sizes: readonly number[]) {
  const seen: unknown[] = []
  let contents = ''
  const parser = new NarParser({
    directory: (path) => void seen.push(['directory', path]),
    endDirectory: (path) => void seen.push(['end', path]),
    symlink: (path, target) => void seen.push(['symlink', path, target]),
    file: (path, size, executable) => {
      contents = ''
      seen.push(['file', path, size, executable])
    },
    contents: (part) => void (contents += part.toString('latin1')),
    endFile: () => void seen.push(['contents', contents]),
  })
  let used = 0
  for (let from = 0, turn = 0; from < bytes.length && !parser.done; turn++) {
    const chunk = bytes.subarray(from, from + (sizes[turn % sizes.length] ?? 1))
    used += parser.push(chunk)
    from += chunk.length
  }
  return { seen, used, sorted: parser.sorted }
}
