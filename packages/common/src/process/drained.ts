// What a writer waits for when write() has returned false.
import type { Writable } from 'node:stream'

/**
 * Resolves once the stream wants more, or will never. Unlike a race of events.once() it leaves no listener behind, of
 * which a large file would make thousands; and an error is told by whoever reads or ends the stream.
 */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    if (stream.closed || !stream.writableNeedDrain) resolve()
    else stream.on('drain', done).on('close', done)
  })
}
