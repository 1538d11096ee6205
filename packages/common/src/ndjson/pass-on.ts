// Records that are not ours to write: passed on byte for byte, since no number beyond 2^53, key that comes twice, half
// of a character or depth of nesting outlasts being parsed and written again.
// Pure: no I/O.
import type { WireRecord } from './decode.ts'
import type { OutRecord } from './encode.ts'

const lines = new WeakMap<object, Buffer>()

/** The record, to be written as the line that it was read from. */
export function passOn(record: WireRecord, line: Buffer): OutRecord {
  lines.set(record, line)
  return record as OutRecord
}

/** The line, LF included, of a record that is passed on. */
export function passedLine(record: object): Buffer | undefined {
  const line = lines.get(record)
  return line && Buffer.concat([line, Buffer.from('\n')])
}
