// Byte strings: text as the store's formats know it, one character (U+0000–U+00FF) for each byte.
//
// File names, derivations and the worker protocol are bytes, not Unicode. A JavaScript string with one character a
// byte (Node's "latin1") keeps every byte, is the cheapest string V8 has, and compares in byte order with `<`,
// which UTF-16 text does not. Only records, which are UTF-8, need the conversion below.
// Pure: no I/O.

/** The bytes of UTF-8 `text` as a byte string. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** The text of a byte string, decoded as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

/** A byte string as Node's file functions want a path: they would encode the characters above 127 as UTF-8. */
export function toPath(bytes: string): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1')
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
