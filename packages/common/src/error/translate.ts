// Foreign errors become ToolErrors here, at the edge where they enter.
// Pure: no I/O.
import { getSystemErrorMap } from 'node:util'
import { ToolError } from './tool-error.ts'

/** The words of strerror(3) for a Node system error, else its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { errno } = error as NodeJS.ErrnoException
  const known = typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined
  // Of all the words of libuv's for an errno, only these are not what every other program says.
  return known?.[0] === 'EISDIR' ? 'is a directory' : (known?.[1] ?? error.message)
}

/** The same, with the file that it is about: where nobody who knows what it is for has named it. */
export function reasonWithFile(error: unknown): string {
  const { path } = (error ?? {}) as NodeJS.ErrnoException
  return typeof path === 'string' ? `${path}: ${reasonOf(error)}` : reasonOf(error)
}

/** errno name (ENOENT …) of a Node system error. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Of this process, or of the machine: no file's fault. */
export function isOutOfFiles(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '')
}

/** A ToolError as it is; anything else is a bug of ours. */
export function toToolError(error: unknown): ToolError {
  if (error instanceof ToolError) return error
  // Relative names are resolved in many places; all of them fail alike, once somebody has removed where we are.
  if (error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'uv_cwd') {
    return new ToolError(
      'INPUT_FAILED',
      { path: '.', reason: 'the working directory is gone' },
      { cause: error },
    )
  }
  if (isOutOfFiles(error))
    return new ToolError('FILES_EXHAUSTED', { reason: reasonOf(error) }, { cause: error })
  return new ToolError('INTERNAL', { reason: reasonWithFile(error) }, { cause: error })
}
