// Reads a nar from chunks of bytes of any size, and tells a sink what is in it. The grammar is in nar-words.ts.
//
// Strict where guix-daemon is loose (a file's fields in any order, contents missing), with one exception that its
// clients rely on: entries out of order are read, and reported in `sorted`, because the bytes on disk then give
// another nar. Memory is bounded: a name by 255 bytes and a path and a target by 4095, which also bounds the depth.
// Pure: no I/O.
import { ToolError } from '../../error/tool-error.ts'
import { paddingOf } from './nar-words.ts'

/** Paths are byte strings relative to the root of the nar: '' is the root, '/a/b' a file in it. */
export interface NarSink {
  directory(path: string): void
  endDirectory(path: string): void
  symlink(path: string, target: string): void
  file(path: string, size: number, executable: boolean): void
  /** Part of the contents of the file last announced; valid until it returns. */
  contents(bytes: Buffer): void
  endFile(): void
}

/** A step that yields while it has to wait for bytes, and then gives its value. */
type Step<T = void> = Generator<undefined, T, undefined>

const maxName = 255
const maxPath = 4095
const maxWord = 16
const noBytes = Buffer.alloc(0)

export class NarParser {
  readonly #sink: NarSink
  readonly #steps: Step
  #bytes: Buffer = noBytes
  #at = 0
  /** The nar has been read to its end. */
  done = false
  /** Entries came in order. When not, the tree's own nar is another one. */
  sorted = true

  constructor(sink: NarSink) {
    this.#sink = sink
    this.#steps = this.#nar()
  }

  /** How many bytes of `chunk` belong to the nar: all of them unless it ends in this chunk. Throws NAR_…. */
  push(chunk: Buffer): number {
    const kept = this.#bytes.length - this.#at
    this.#bytes = kept === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk])
    this.#at = 0
    this.done = this.#steps.next().done === true
    return this.done ? chunk.length - (this.#bytes.length - this.#at) : chunk.length
  }

  /** Throws NAR_INVALID unless the nar is complete. */
  end(): void {
    if (!this.done) throw invalid('it is cut off')
  }

  *#nar(): Step {
    const magic = yield* this.#string('nix-archive-1'.length)
    if (magic !== 'nix-archive-1') throw invalid("input doesn't look like a normalized archive")
    const open: { path: string; last: string }[] = []
    let path = ''
    for (;;) {
      if (yield* this.#node(path)) open.push({ path, last: '' })
      for (;;) {
        const directory = open.at(-1)
        if (!directory) return
        const field = yield* this.#string(maxWord)
        if (field === 'entry') {
          path = yield* this.#entry(directory)
          break
        }
        if (field !== ')') throw invalid(`unknown field ${field}`)
        this.#sink.endDirectory(directory.path)
        open.pop()
        if (open.length > 0) yield* this.#word(')')
      }
    }
  }

  /** Reads one node up to its end, or for a directory up to its first entry, and then yields true. */
  *#node(path: string): Step<boolean> {
    if ((yield* this.#string(maxWord)) !== '(') throw invalid('expected open tag')
    yield* this.#word('type')
    const type = yield* this.#string(maxWord)
    switch (type) {
      case 'directory':
        this.#sink.directory(path)
        return true
      case 'regular':
        yield* this.#regular(path)
        break
      case 'symlink':
        this.#sink.symlink(path, yield* this.#target())
        break
      default:
        throw invalid(`unknown file type ${type}`)
    }
    if (path !== '') yield* this.#word(')')
    return false
  }

  *#entry(directory: { path: string; last: string }): Step<string> {
    yield* this.#word('(')
    yield* this.#word('name')
    const name = yield* this.#string(maxName)
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
      throw new ToolError('NAR_NAME_INVALID', { name })
    }
    if (name <= directory.last) this.sorted = false
    directory.last = name
    if (directory.path.length + 1 + name.length > maxPath) throw invalid('a path longer than 4095 bytes')
    yield* this.#word('node')
    return `${directory.path}/${name}`
  }

  *#target(): Step<string> {
    yield* this.#word('target')
    const target = yield* this.#string(maxPath)
    if (target === '' || target.includes('\0')) throw invalid('a symlink without a target')
    yield* this.#word(')')
    return target
  }

  *#regular(path: string): Step {
    let field = yield* this.#string(maxWord)
    const executable = field === 'executable'
    if (executable) {
      yield* this.#word('')
      field = yield* this.#string(maxWord)
    }
    if (field !== 'contents') throw invalid(`unknown field ${field}`)
    const size = yield* this.#length()
    this.#sink.file(path, size, executable)
    for (let left = size; left > 0;) {
      if (this.#at === this.#bytes.length) yield
      const part = this.#bytes.subarray(this.#at, this.#at + Math.min(left, this.#bytes.length - this.#at))
      this.#at += part.length
      left -= part.length
      if (part.length > 0) this.#sink.contents(part)
    }
    yield* this.#padding(size)
    this.#sink.endFile()
    yield* this.#word(')')
  }

  *#word(word: string): Step {
    const found = yield* this.#string(maxWord)
    if (found !== word) throw invalid(`expected \`${word}', found \`${found}'`)
  }

  /** A string of at most `max` bytes. */
  *#string(max: number): Step<string> {
    const length = yield* this.#length()
    if (length > max) throw invalid(`a string of ${length} bytes where at most ${max} fit`)
    while (this.#bytes.length - this.#at < length) yield
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length)
    this.#at += length
    yield* this.#padding(length)
    return text
  }

  *#length(): Step<number> {
    while (this.#bytes.length - this.#at < 8) yield
    const high = this.#bytes.readUInt32LE(this.#at + 4)
    const length = this.#bytes.readUInt32LE(this.#at) + high * 2 ** 32
    this.#at += 8
    if (!Number.isSafeInteger(length)) throw invalid('a length beyond 2^53')
    return length
  }

  *#padding(length: number): Step {
    const padding = paddingOf(length)
    while (this.#bytes.length - this.#at < padding) yield
    for (const end = this.#at + padding; this.#at < end; this.#at++) {
      if (this.#bytes[this.#at] !== 0) throw invalid('non-zero padding')
    }
  }
}

function invalid(reason: string): ToolError {
  return new ToolError('NAR_INVALID', { reason })
}
