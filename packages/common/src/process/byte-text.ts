// Text of which any byte may be: file names and commands, which POSIX has as bytes and most people as UTF-8.
//
// A byte that is not part of UTF-8 is the lone surrogate U+DC00 + byte, as Python's surrogateescape has it (PEP 383):
// text that is not such stays what it is everywhere, and every name comes out as the bytes that went in.
// Pure: no I/O.
import { isUtf8 } from 'node:buffer'
import { bytesField, fieldBytes } from '../ndjson/bytes.ts'
import type { WireRecord } from '../ndjson/decode.ts'

// The well-formed sequences (Unicode 15, table 3-7), of bytes as U+0000–U+00FF; or a byte by itself that is not ASCII.
const sequence =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|[\x80-\xff]/g

const escaped = /[\udc80-\udcff]/u

export function decodeText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  return bytes
    .toString('latin1')
    .replaceAll(sequence, (part) =>
      part.length > 1
        ? Buffer.from(part, 'latin1').toString('utf8')
        : String.fromCharCode(0xdc00 + part.charCodeAt(0)),
    )
}

export function encodeText(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8')
  const parts = text.split(/([\udc80-\udcff])/u)
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part, 'utf8') : Buffer.of(part.charCodeAt(0) - 0xdc00),
    ),
  )
}

/** For people and strict readers of JSON: `\\xff` for such a byte, U+FFFD for any other half of a character. */
export function showBytes(text: string): string {
  return text.replaceAll(/[\ud800-\udfff]/gu, (lone) =>
    escaped.test(lone) ? `\\x${(lone.charCodeAt(0) - 0xdc00).toString(16)}` : '\ufffd',
  )
}

/** As Node's file functions want a path. */
export function toFilePath(text: string): string | Buffer {
  return escaped.test(text) ? encodeText(text) : text
}

/** `{path: "…"}`, or `{path_base64: "…"}` when it is not UTF-8. */
export function textField(name: string, text: string): Record<string, string> {
  return bytesField(name, encodeText(text))
}

/** The text of field `name` or `name_base64`; undefined when the record has neither. */
export function fieldText(record: WireRecord, name: string): string | undefined {
  const bytes = fieldBytes(record, name)
  return bytes && decodeText(bytes)
}
