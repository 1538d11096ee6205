// What a running program says (shell/report.sh), out of the two streams in which it comes.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { PropertyResult } from '@plumbline/common/records/property'

export type Marker =
  | { verb: 'begin' }
  | { verb: 'end' }
  | { verb: 'want'; step: number }
  | { verb: 'result'; step: number; result: PropertyResult; reason: string; diff: Buffer | undefined }

const LF = 0x0a

/** Of a diff, or of a line that does not end, no more than this is kept. */
const mostKept = 64 * 1024 * 1024

/** Standard output: lines with the token are ours; lines after `diff` are of the diff, whatever they hold. */
export class MarkerReader {
  readonly #token: Buffer
  #rest: Buffer = Buffer.alloc(0)
  #diff: Buffer[] | undefined
  #diffBytes = 0

  constructor(token: string) {
    this.#token = Buffer.from(`${token} `)
  }

  *push(chunk: Buffer): Generator<Marker> {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      const line = bytes.subarray(0, end + 1)
      bytes = bytes.subarray(end + 1)
      const marker = this.#parse(line)
      if (marker) yield marker
    }
    this.#rest = bytes
    this.#checkKept(bytes.length)
  }

  #checkKept(bytes: number): void {
    if (bytes > mostKept) throw new ToolError('PROTOCOL', { peer: 'the program', reason: 'it says too much' })
  }

  #parse(line: Buffer): Marker | undefined {
    if (!line.subarray(0, this.#token.length).equals(this.#token)) {
      if (!this.#diff) return undefined
      this.#checkKept((this.#diffBytes += line.length))
      this.#diff.push(line)
      return undefined
    }
    const text = line.subarray(this.#token.length, -1).toString('utf8')
    const [, verb = '', number = '', reason = ''] = /^(\w+) ?(\d*) ?(.*)$/s.exec(text) ?? []
    const step = Number(number)
    if (verb === 'begin') return { verb }
    if (verb === 'end') return { verb }
    if (verb === 'want') return { verb, step }
    if (verb === 'diff') [this.#diff, this.#diffBytes] = [[], 0]
    if (verb !== 'ok' && verb !== 'changed' && verb !== 'failed' && verb !== 'skipped') return undefined
    const diff = this.#diff && Buffer.concat(this.#diff)
    this.#diff = undefined
    return { verb: 'result', step, result: verb, reason, diff }
  }
}

/** What is kept of one step's standard error. */
const keptBytes = 16 * 1024

/** Standard error: the end of what came before each token. A command need not end its last line. */
export class TailReader {
  readonly #mark: Buffer
  #bytes: Buffer = Buffer.alloc(0)
  /** One for each token that has come. */
  readonly tails: string[] = []

  constructor(token: string) {
    this.#mark = Buffer.from(`${token}\n`)
  }

  push(chunk: Buffer): void {
    let bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, chunk]) : chunk
    for (let at = bytes.indexOf(this.#mark); at >= 0; at = bytes.indexOf(this.#mark)) {
      this.tails.push(bytes.subarray(0, at).toString('utf8'))
      bytes = bytes.subarray(at + this.#mark.length)
    }
    this.#bytes = bytes.length > keptBytes ? bytes.subarray(-keptBytes) : bytes
  }

  /** What came after the last token. */
  get rest(): string {
    return this.#bytes.toString('utf8')
  }
}

const keptLines = 8
const keptCharacters = 1500

/** The last lines of a step's standard error, as its message. */
export function formatTail(tail: string): string {
  const lines = tail.split('\n').map((line) => line.trimEnd())
  return lines
    .filter((line) => line !== '')
    .slice(-keptLines)
    .join('\n')
    .slice(-keptCharacters)
}
