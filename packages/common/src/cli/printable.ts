// Untrusted text for a terminal: control and bidirectional characters are shown as escapes, not obeyed.
// Pure: no I/O.
import { showBytes } from '../process/byte-text.ts'

// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export function printable(text: string): string {
  return showBytes(text).replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}
