// Content for a far side that reads so many bytes and no other number.
import type { Writable } from 'node:stream'
import { drained } from '@plumbline/common/process/drained'

/** Throws where a file has changed since its size was told. */
export async function sendExactly(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytes: number,
  to: Writable,
): Promise<void> {
  let left = bytes
  for await (const chunk of content) {
    if (chunk.length > left) throw new Error('the file has grown since it was read first')
    left -= chunk.length
    if (to.destroyed) return
    if (!to.write(chunk)) await drained(to)
  }
  if (left > 0) throw new Error('the file has shrunk since it was read first')
}
