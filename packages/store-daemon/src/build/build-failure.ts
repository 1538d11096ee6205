// How builds fail, and what their clients are told of it.
// Pure: no I/O.
import type { BuilderEnd } from './sandbox-process.ts'

/**
 * permanent: it will fail again. transient: it may not. rejected: what it made is not accepted. timeout: it took too
 * long. unstarted: its surroundings could not be made. cached: it failed before. dependency: something it needs did.
 * hook: what offered it to another machine did.
 */
export type FailureKind =
  | 'permanent'
  | 'transient'
  | 'rejected'
  | 'timeout'
  | 'unstarted'
  | 'cached'
  | 'dependency'
  | 'cancelled'
  | 'hook'

export class BuildFailure extends Error {
  override name = 'BuildFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** strsignal(3), for what builders die of. */
const signalNames: Readonly<Record<number, string>> = {
  1: 'Hangup',
  2: 'Interrupt',
  3: 'Quit',
  4: 'Illegal instruction',
  5: 'Trace/breakpoint trap',
  6: 'Aborted',
  7: 'Bus error',
  8: 'Floating point exception',
  9: 'Killed',
  11: 'Segmentation fault',
  13: 'Broken pipe',
  14: 'Alarm clock',
  15: 'Terminated',
  24: 'CPU time limit exceeded',
  25: 'File size limit exceeded',
  31: 'Bad system call',
}

/** `failed with exit code 3`. */
export function describeEnd(end: BuilderEnd): string {
  if (end.how === 'signal') {
    return `failed due to signal ${end.number} (${signalNames[end.number] ?? `Unknown signal ${end.number}`})`
  }
  return end.how === 'failed' ? end.reason : `failed with exit code ${end.how === 'exec' ? 1 : end.number}`
}
