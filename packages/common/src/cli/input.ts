// Where a program's records come from: standard input, files, or nowhere (a terminal, /dev/null).
import { createReadStream } from 'node:fs'
import { ToolError } from '../error/tool-error.ts'
import { reasonOf } from '../error/translate.ts'
import { isNull, isTerminal } from './terminal.ts'

/** True when standard input can hold no records: a terminal, /dev/null, or closed (which Node makes /dev/null). */
export function isInputAbsent(fd = 0): boolean {
  return isTerminal(fd) || isNull(fd)
}

export function readStdin(): AsyncIterable<Buffer> {
  return process.stdin
}

/** The bytes of a file, or of standard input for "-". Throws INPUT_FAILED. */
export async function* readInput(path: string): AsyncGenerator<Buffer> {
  if (path === '-') {
    yield* readStdin()
    return
  }
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
