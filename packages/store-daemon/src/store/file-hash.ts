// The nar of a single regular file: its hash, by which files of equal contents are found, and its size.
// Pure: no I/O.
import { createHash, type Hash } from 'node:crypto'
import { digest } from '@plumbline/common/store/hash'
import { narWords, paddingOf } from '@plumbline/common/store/nar/nar-words'

/** Contents up to here are copied to be hashed in one call, which takes a third of the time. */
const oneCallBytes = 64 * 1024

/** The hash of a file's own nar, up to its contents. */
export function startFileHash(size: number, executable: boolean): Hash {
  const words = executable ? narWords.executable : narWords.regular
  return createHash('sha256').update(narWords.magic).update(words).update(formatLength(size))
}

export function endFileHash(hash: Hash, size: number): Buffer {
  return hash
    .update(Buffer.alloc(paddingOf(size)))
    .update(narWords.close)
    .digest()
}

/** Of a file that is not executable. */
export function hashFile(contents: Uint8Array): Buffer {
  const { length } = contents
  if (length > oneCallBytes) return endFileHash(startFileHash(length, false).update(contents), length)
  const { magic, regular, close } = narWords
  const padding = Buffer.alloc(paddingOf(length))
  return digest('sha256', Buffer.concat([magic, regular, formatLength(length), contents, padding, close]))
}

/** Size of the nar of a single regular file. */
export function fileNarSize(size: number, executable: boolean): number {
  const words = executable ? narWords.executable : narWords.regular
  return narWords.magic.length + words.length + 8 + size + paddingOf(size) + narWords.close.length
}

function formatLength(size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(size))
  return bytes
}
