// One line to one record. The only file that imports `ndjson`, which by itself loses data in silence: a line
// `null` ends its stream, bad UTF-8 turns into U+FFFD, a line without end takes all memory, an error carries no
// place. So it is given one line at a time, after every check that it does not make.
import { isUtf8 } from 'node:buffer'
import { decodeBulk } from './bulk.ts'
import type { Line } from './line-splitter.ts'

export type WireRecord = { readonly [key: string]: unknown; readonly type?: unknown }
export type Decode = (line: Line) => WireRecord | undefined

/** Why a line is not a record; `truncated` when it is the start of one. */
export class LineInvalid extends Error {
  readonly truncated: boolean

  constructor(reason: string, truncated = false) {
    super(reason)
    this.truncated = truncated
  }
}

/** Has what decodes at hand before there is anything to decode. */
export async function loadDecoder(): Promise<void> {
  await import('ndjson')
}

/** A decoder: a record, or undefined for a blank line. Throws LineInvalid. */
export async function makeDecoder(): Promise<Decode> {
  const { default: ndjson } = await import('ndjson')
  const parser = ndjson.parse({ strict: true })
  let value: unknown
  // In flowing mode the parser hands out a line's value before write() returns.
  parser.on('data', (record: unknown) => (value = record))
  parser.on('error', () => undefined)

  return ({ bytes, terminated }) => {
    const bulk = terminated ? decodeBulk(bytes) : undefined
    if (bulk) return bulk
    if (!isUtf8(bytes)) throw new LineInvalid('not UTF-8', !terminated)
    const text = bytes.toString('utf8')
    if (text.trim() === '') return undefined
    if (text.startsWith('\uFEFF')) throw new LineInvalid('it starts with a byte order mark')
    if (!/^[ \t]*\{/.test(text)) throw new LineInvalid(`expected a JSON object, found ${describe(text)}`)
    value = undefined
    parser.write(`${text}\n`)
    if (value === undefined) throw new LineInvalid(reasonOf(text), !terminated)
    return value as WireRecord
  }
}

function describe(text: string): string {
  const start = text.trimStart()
  if (start.startsWith('[')) return 'an array'
  if (/^null\s*$/.test(start)) return 'null'
  const excerpt = start.length > 30 ? `${start.slice(0, 30)}…` : start
  return JSON.stringify(excerpt)
}

/** JSON.parse's own words, which the package keeps to itself. */
function reasonOf(text: string): string {
  try {
    JSON.parse(text)
    return 'not JSON'
  } catch (error) {
    const words = error instanceof Error ? error.message : ''
    const short = words
      .replace(/(?: in JSON)? at position (\d+).*/s, (_, at) => ` at column ${Number(at) + 1}`)
      .replace(/ is not valid JSON$/, '')
    return `not JSON: ${short}`
  }
}
