// Builders that are part of the daemon: `builtin:NAME`.
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import type { Session } from '../session.ts'

export type BuiltinOptions = {
  /** Where to put the output: does not exist yet. Canonical form, hash and registration are the caller's. */
  output: string
  /** The build user, where there are any. */
  user: { uid: number; gid: number } | undefined
  /** A directory of its own, removed afterwards. */
  directory: string
  /** What a builder would print: goes to the build's log and its clients. */
  log: (bytes: Buffer) => void
  signal: AbortSignal
}

/** Resolves when the output is there. Throws STORE_FAILED with what the log should end with. */
export type RunBuiltin = (session: Session, derivation: Derivation, options: BuiltinOptions) => Promise<void>

/** By name; loaded when needed. */
export const builtins: Readonly<Record<string, () => Promise<RunBuiltin>>> = {
  download: async () => (await import('./builtin-download.ts')).download,
}
