// Records that carry many bytes, written and read without a JSON parser looking at each of them: the same records as
// any other, `{…,"data_base64":"…"}` with that field last, at the speed of base64.
// Pure: no I/O.
import type { WireRecord } from './decode.ts'
import type { OutRecord } from './encode.ts'

/** Below it the difference is none, and people may want to read it. */
export const fewBytes = 1024

const marker = ',"data_base64":"'
const end = '"}'
/** The other fields are short. */
const longestHead = 512

/** A line of ASCII, LF included. The record has at least one field. */
export function encodeBulk(record: OutRecord, bytes: Buffer): string {
  return `${JSON.stringify(record).slice(0, -1)}${marker}${bytes.toString('base64')}${end}\n`
}

/**
 * The record of such a line without its LF; undefined for any other line, which is not to say that it is wrong. Raw
 * quotes delimit strings and nothing else in JSON, so that what is before the marker is an object that only lacks its
 * end, or the marker is not a field of the record itself.
 */
export function decodeBulk(line: Buffer): WireRecord | undefined {
  if (line.length <= fewBytes) return undefined
  const at = line.subarray(0, longestHead).indexOf(marker)
  if (at < 0 || line.toString('latin1', line.length - end.length) !== end) return undefined
  const data = line.subarray(at + marker.length, line.length - end.length)
  if (data.includes('"') || data.includes('\\')) return undefined
  try {
    const record = JSON.parse(`${line.toString('utf8', 0, at)}}`) as WireRecord
    return { ...record, data_base64: data.toString('latin1') }
  } catch {
    return undefined
  }
}
