// The stream that moves items between stores.
//
//   stream    = { 1 item } 0
//   item      = nar 0x4558494e path references deriver signature
//   signature = 0 | 1 string            the string signs the sha256 of everything from the nar to the deriver
//
// Numbers are 8 bytes, little endian; path, deriver and each reference are strings as in a nar; references are
// their number and the strings, in order.
// Pure: no I/O.
import { formatNarString } from './nar/nar-words.ts'

export const exportMagic = 0x4558494e

export type ExportedItem = { path: string; references: readonly string[]; deriver: string }

/** What follows the nar and is signed with it. */
export function formatExportTrailer({ path, references, deriver }: ExportedItem): Buffer {
  return Buffer.concat([
    formatNumber(exportMagic),
    formatNarString(path),
    formatNumber(references.length),
    ...[...references].sort().map(formatNarString),
    formatNarString(deriver),
  ])
}

/** The end of an item: its signature, if any. */
export function formatExportSignature(signature: string | undefined): Buffer {
  if (signature === undefined) return formatNumber(0)
  return Buffer.concat([formatNumber(1), formatNarString(signature)])
}

/** A number of the format: 8 bytes, little endian. */
export function formatNumber(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
