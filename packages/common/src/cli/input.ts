// Where a program's records come from: standard input, files, or nowhere (a terminal, /dev/null).
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { ToolError } from '../error/tool-error.ts'
import { reasonOf } from '../error/translate.ts'
import { isNull, isTerminal } from './terminal.ts'

const smallFile = 256 * 1024

/** True when standard input can hold no records: a terminal, /dev/null, or closed (which Node makes /dev/null). */
export function isInputAbsent(fd = 0): boolean {
  return isTerminal(fd) || isNull(fd)
}

/**
 * Standard input, for one reader, after whom it is closed: a writer that goes on would hold the program. When `signal`
 * aborts, the wait for more throws the signal's reason.
 */
export async function* readStdin(signal?: AbortSignal): AsyncGenerator<Buffer> {
  const iterator: AsyncIterator<Buffer> = process.stdin[Symbol.asyncIterator]()
  // A read cannot be cancelled, only no longer waited for.
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal?.reason as Error)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
  })
  aborted.catch(() => undefined)
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted])
      if (done) return
      yield value
    }
  } finally {
    process.stdin.destroy()
  }
}

/** The bytes of a file, or of standard input for "-". Throws INPUT_FAILED. */
export async function* readInput(path: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  if (path === '-') {
    yield* readStdin(signal)
    return
  }
  try {
    // A small file is read at once: a stream of one starts the thread pool first.
    const { size } = statSync(path)
    if (size > 0 && size <= smallFile) yield readFileSync(path)
    else yield* createReadStream(path) as AsyncIterable<Buffer>
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
