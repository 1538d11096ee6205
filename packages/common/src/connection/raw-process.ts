// A process that somebody started for us: what a hop makes its commands from.
// Pure: no I/O.
import type { Readable, Writable } from 'node:stream'
import type { ToolError } from '../error/tool-error.ts'

export interface RawProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Exit status, 128+n for a signal; rejects with a ToolError when the way to the process is lost. */
  readonly status: Promise<number>
  /**
   * Lets go of it: resolves when all its input, with the end of it, is on the way, and arrives even when the
   * connection is closed right after. It then ends by itself. Where there is no such thing, its end is awaited.
   */
  leave?(): Promise<unknown>
  cancel(): void
}

/** How a hop starts a shell of its own. */
export interface Entry {
  /** What messages call it, e.g. "sudo:root". */
  readonly hop: string
  /** Starts `/bin/sh -c TEXT plumbline` there; `shellCommand` is that, quoted for a shell that may be another. */
  start(shellCommand: string, text: string): RawProcess
  /**
   * What enters reads standard input first, for a password: until it has let us in the first time, nothing else may
   * be sent, or it would be taken for more passwords.
   */
  readonly readsInput?: boolean
  /** The command line of a shell costs no trip of its own, and may hold what every shell there quotes alike. */
  readonly commandIsFree?: boolean
  /** Its shells may be on different machines, and see nothing of each other. */
  readonly isScattered?: boolean
  /**
   * Where a shell is slow to get, one is kept waiting for the command that comes next: `first` for the first command
   * alone, started once the hop has been entered; `always` from the start, and another whenever it is taken.
   */
  readonly spare?: 'first' | 'always'
  /**
   * What the text on stderr before BOOT has answered means. Called as it comes (status undefined) and once when the
   * process has ended instead of answering. An error ends the attempt.
   */
  explain?(noise: string, status: number | undefined): ToolError | undefined
  /** Told, before any other command starts, the end of what was on stderr before BOOT answered for the first time. */
  entered?(said: string): void
  /** Told that the first shell has been lost: the next one is a first one again. */
  lost?(): void
  /** Removes what a shell that was lost can have left beneath. */
  sweep?(): Promise<void>
}
