// Debian's nix-store and nix-hash as independent witnesses of the formats that Guix and Nix share.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { formatBase32 } from '@plumbline/common/store/base32'
import { toPath } from '@plumbline/common/store/byte-string'
import { dumpNar } from '@plumbline/common/store/nar/dump-nar'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { removeTree } from './remove-tree.ts'
import { RestoreSink } from './restore-sink.ts'

const scratch = mkdtempSync(join(tmpdir(), 'nix-witness-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const hasNix = spawnSync('nix-store', ['--version'], { stdio: 'ignore' }).status === 0
const trees = 200

type Node =
  | { type: 'file'; contents: Uint8Array; executable: boolean }
  | { type: 'symlink'; target: string }
  | { type: 'directory'; entries: [string, Node][] }

/** Byte strings; UTF-8 or not is the same to a file system. */
const name = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('latin1').replace(/[/\0]/g, '_'))
  .filter((text) => text !== '.' && text !== '..')

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      type: fc.constant('file' as const),
      contents: fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.integer({ min: 8000, max: 9000 }).map((size) => new Uint8Array(size)),
      ),
      executable: fc.boolean(),
    }),
    fc.record({ type: fc.constant('symlink' as const), target: name }),
    fc.record({
      type: fc.constant('directory' as const),
      entries: fc.uniqueArray(fc.tuple(name, tie('node')), { maxLength: 6, selector: ([each]) => each }),
    }),
  ),
}))

function put(path: string, tree: Node): void {
  if (tree.type === 'symlink') return symlinkSync(toPath(tree.target), toPath(path))
  if (tree.type === 'file') {
    writeFileSync(toPath(path), tree.contents)
    return chmodSync(toPath(path), tree.executable ? 0o755 : 0o644)
  }
  mkdirSync(toPath(path))
  for (const [each, child] of tree.entries) put(`${path}/${each}`, child)
}

function dump(path: string): Buffer {
  const parts: Buffer[] = []
  dumpNar(path, (block) => void parts.push(Buffer.from(block)))
  return Buffer.concat(parts)
}

function restore(path: string, nar: Buffer): RestoreSink {
  const sink = new RestoreSink(path)
  const parser = new NarParser(sink)
  parser.push(nar)
  parser.end()
  return sink
}

describe('RestoreSink', () => {
  it('inverts dumpNar(), and leaves the canonical form', () => {
    let count = 0
    fc.assert(
      fc.property(node, (tree) => {
        const [from, to] = [join(scratch, `from-${count}`), join(scratch, `to-${count++}`)]
        put(from, tree)
        const nar = dump(from)
        expect(restore(to, nar).failure).toBeUndefined()
        expect(dump(to)).toEqual(nar)
        const stat = lstatSync(to)
        expect(stat.mtimeMs).toBe(1000)
        if (!stat.isSymbolicLink()) expect(stat.mode & 0o7222).toBe(0)
        removeTree(to)
      }),
    )
  })

  it('never writes through a name that is there', () => {
    const victim = join(scratch, 'victim')
    writeFileSync(victim, 'untouched')
    const root = join(scratch, 'through')
    const sink = new RestoreSink(root)
    sink.directory('')
    sink.symlink('/a', victim)
    sink.file('/a', 1, false)
    sink.contents(Buffer.from('x'))
    sink.endFile()
    sink.endDirectory('')
    expect(sink.failure).toEqual({ verb: 'creating file', path: '/a', reason: 'File exists' })
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
  })
})

describe.skipIf(!hasNix)('nix', () => {
  it(`agrees on the bytes, the hash and the contents of ${trees} random trees`, () => {
    let count = 0
    fc.assert(
      fc.property(node, (tree) => {
        const place = join(scratch, `nix-${count++}`)
        mkdirSync(place)
        put(`${place}/tree`, tree)
        const theirs = execFileSync('nix-store', ['--dump', `${place}/tree`], { maxBuffer: 1 << 26 })
        expect(dump(`${place}/tree`)).toEqual(theirs)
        restore(`${place}/ours`, theirs)
        execFileSync('nix-store', ['--restore', `${place}/theirs`], { input: theirs })
        expect(dump(`${place}/ours`)).toEqual(dump(`${place}/theirs`))
        const hash = execFileSync('nix-hash', ['--type', 'sha256', '--base32', `${place}/tree`], {
          encoding: 'latin1',
        })
        expect(formatBase32(createHash('sha256').update(theirs).digest())).toBe(hash.trim())
        removeTree(place)
      }),
      { numRuns: trees },
    )
  }, 120_000)
})
