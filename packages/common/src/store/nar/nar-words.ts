// The words of the nar format, and how one string of it is laid out.
//
//   nar    = "nix-archive-1" node
//   node   = "(" "type" body ")"
//   body   = "regular" [ "executable" "" ] "contents" CONTENTS
//          | "symlink" "target" TARGET
//          | "directory" *( "entry" "(" "name" NAME "node" node ")" )
//
// Every quoted word and every capital is a string: its length in 8 bytes, little endian, its bytes, and zero
// bytes up to a multiple of 8. Entries are in the order of their names' bytes, without duplicates. Nothing of a
// file's metadata is kept but the owner's execute bit.
// Pure: no I/O.

/** Zero bytes that follow `length` bytes. */
export function paddingOf(length: number): number {
  return (8 - (length & 7)) & 7
}

/** A string of the format as bytes. `text` is a byte string. */
export function formatNarString(text: string): Buffer {
  const bytes = Buffer.alloc(8 + text.length + paddingOf(text.length))
  bytes.writeUInt32LE(text.length)
  bytes.write(text, 8, 'latin1')
  return bytes
}

function formatAll(...words: string[]): Buffer {
  return Buffer.concat(words.map(formatNarString))
}

export const narWords = {
  magic: formatAll('nix-archive-1'),
  regular: formatAll('(', 'type', 'regular', 'contents'),
  executable: formatAll('(', 'type', 'regular', 'executable', '', 'contents'),
  symlink: formatAll('(', 'type', 'symlink', 'target'),
  directory: formatAll('(', 'type', 'directory'),
  entry: formatAll('entry', '(', 'name'),
  node: formatAll('node'),
  close: formatAll(')'),
} as const
