// Bytes in records: NAME when they are text, else NAME_base64.
// Pure: no I/O.
import { isUtf8 } from 'node:buffer'
import type { WireRecord } from './decode.ts'

/**
 * `{data: "…"}`, or `{data_base64: "…"}` when the bytes are not UTF-8, or hold a NUL: those that do hold many, and each
 * would take six bytes in a JSON string.
 */
export function bytesField(name: string, bytes: Buffer): Record<string, string> {
  return isUtf8(bytes) && !bytes.includes(0)
    ? { [name]: bytes.toString('utf8') }
    : { [`${name}_base64`]: bytes.toString('base64') }
}

/** The bytes of field `name` or `name_base64`; undefined when the record has neither. */
export function fieldBytes(record: WireRecord, name: string): Buffer | undefined {
  const text = record[name]
  if (typeof text === 'string') return Buffer.from(text, 'utf8')
  const encoded = record[`${name}_base64`]
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : undefined
}
