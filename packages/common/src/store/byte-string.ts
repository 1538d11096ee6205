// Byte strings: text as the store's formats know it, one character (U+0000–U+00FF) for each byte.
//
// File names, derivations and the worker protocol are bytes, not Unicode. A JavaScript string with one character a
// byte (Node's "latin1") keeps every byte, is the cheapest string V8 has, and compares in byte order with `<`,
// which UTF-16 text does not. Only records, which are UTF-8, need the conversion below.
// Pure: no I/O.
import { decodeText, encodeText } from '../process/byte-text.ts'

/** The bytes of `text`, which byte-text.ts describes, as a byte string. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : encodeText(text).toString('latin1')
}

/** The text of a byte string: UTF-8, and whatever else it holds, as byte-text.ts has it. */
export function fromByteString(bytes: string): string {
  return isAscii(bytes) ? bytes : decodeText(Buffer.from(bytes, 'latin1'))
}

/** A byte string as Node's file functions want a path: they would encode the characters above 127 as UTF-8. */
export function toPath(bytes: string): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1')
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
