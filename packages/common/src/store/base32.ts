// Nix-base32, as in the names of store items.
//
//   alphabet  0-9 a-z without e o u t
//   length    ceil(8n / 5) digits for n bytes
//   order     the bytes are one little-endian number, its digits are written from the most significant
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

const alphabet = '0123456789abcdfghijklmnpqrsvwxyz'
const values = new Int8Array(256).fill(-1)
for (let value = 0; value < 32; value++) values[alphabet.charCodeAt(value)] = value

export function formatBase32(bytes: Uint8Array): string {
  let text = ''
  for (let digit = Math.ceil((bytes.length * 8) / 5) - 1; digit >= 0; digit--) {
    const byte = (digit * 5) >> 3
    const pair = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8)
    text += alphabet.charAt((pair >> ((digit * 5) & 7)) & 31)
  }
  return text
}

/** The bytes of `text`. Throws BASE32_INVALID for another digit, a length no byte count has, or excess bits. */
export function parseBase32(text: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8))
  if (Math.ceil((bytes.length * 8) / 5) !== text.length)
    throw invalid(text, 'its length fits no number of bytes')
  for (let digit = 0; digit < text.length; digit++) {
    const value = values[text.charCodeAt(text.length - 1 - digit)] ?? -1
    if (value < 0) throw invalid(text, `"${text.charAt(text.length - 1 - digit)}" is no digit`)
    const byte = (digit * 5) >> 3
    const pair = value << ((digit * 5) & 7)
    bytes[byte] = (bytes[byte] ?? 0) | (pair & 255)
    if (byte + 1 < bytes.length) bytes[byte + 1] = (bytes[byte + 1] ?? 0) | (pair >> 8)
    else if (pair >> 8 !== 0) throw invalid(text, 'bits beyond the last byte are set')
  }
  return bytes
}

/** Whether every character of `text` is a digit. */
export function isBase32(text: string): boolean {
  for (let i = 0; i < text.length; i++) if ((values[text.charCodeAt(i)] ?? -1) < 0) return false
  return true
}

function invalid(text: string, reason: string): ToolError {
  return new ToolError('BASE32_INVALID', { text, reason })
}
