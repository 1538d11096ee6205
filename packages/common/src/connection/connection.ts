// The four verbs: all that a hop, or a program, may ask of a connection.
// Pure: no I/O.
import type { Readable, Writable } from 'node:stream'
import type { ToolError } from '../error/tool-error.ts'
import type { FactName, Facts } from '../records/facts.ts'

export type RunRequest = {
  /** Text for /bin/sh there, of any length; it is quoted once whatever the depth. Like paths, as byte-text.ts has it. */
  command: string
  /** Where it runs; else the user's home. */
  cwd?: string
  /** Set for it; null unsets. */
  env?: Readonly<Record<string, string | null>>
}

export interface Running {
  /** Ends the command's standard input when ended. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** The exit status, 128+n for a signal. Rejects with a ToolError when the connection is lost. */
  readonly status: Promise<number>
  /** Ends the command's whole process group there: TERM, then KILL. */
  cancel(): void
  /** Lets it end by itself, now that its input has ended, also when the connection is closed before. */
  leave?(): Promise<unknown>
}

export type WriteOptions = {
  /** Octal, e.g. "0600"; else the mode of the file that is replaced, else 0644. */
  mode?: string
  /** Size of the content, when known: then one round trip writes it. */
  bytes?: number
}

/** How a fresh child of an agent is to differ from it. */
export type Change =
  | { change: 'setuid'; user: string }
  | { change: 'chroot'; directory: string }
  /** Into the namespaces of a process, as a user there; with the same `key`, of no other process that has got its pid. */
  | { change: 'setns'; pid: number; uid: number; gid: number; key?: string | undefined }

export interface Connection {
  run(request: RunRequest): Running
  /** Standard output of a command that succeeds, in lines. Throws COMMAND_FAILED. */
  runlines(request: RunRequest): Promise<string[]>
  /** The file's bytes. The stream fails with FILE_NOT_FOUND or FILE_UNREADABLE. */
  readfile(path: string): Readable
  /** Replaces the file at once or not at all; never readable more widely than asked. Throws FILE_UNWRITABLE. */
  writefile(path: string, content: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<void>
  close(): Promise<void>
  /** Resolves when the way there is lost, to why; it stays pending when the connection is closed. */
  readonly lost: Promise<ToolError>
  /**
   * On an agent connection only: starts a fresh agent there, which makes the changes in order and then speaks the
   * agent's protocol on its standard streams.
   */
  fork?(changes: readonly Change[]): Running
  /**
   * On an agent connection only: runs a program of ours in the agent. `source` is a CommonJS module that exports
   * `main`, a function of one argument; that, and what it gives, is JSON.
   */
  evaluate?(source: string, argument: unknown): Promise<unknown>
  /** What it knows of its place without a command; askFacts() for any connection. */
  facts?(names: readonly FactName[]): Promise<Partial<Facts>>
}

/** What a hop knows of where it has arrived. */
export type Place = { user: string; uid: number; home: string }
