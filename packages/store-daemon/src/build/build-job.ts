// One build: what is to be built, for whom, and who is told.
// Pure: no I/O.
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import type { Session } from '../session.ts'
import type { BuildSettings } from './build-settings.ts'
import type { BuildSink } from './build-sink.ts'

export type BuildMode = 'normal' | 'repair' | 'check'

export type BuildJob = {
  /** Of the client whose settings count: the first that wants it. */
  session: Session
  path: string
  derivation: Derivation
  mode: BuildMode
  /** What the builder may see: the closure of the inputs. */
  inputs: readonly string[]
  /** Outputs that are valid and not what was registered, to be repaired. */
  corrupt: ReadonlySet<string>
  settings: BuildSettings
  sink: BuildSink
  signal: AbortSignal
  /** Has another machine build it, if one will; whether it did. Throws BuildFailure. */
  offload?: (job: BuildJob, missing: readonly string[]) => Promise<boolean>
  /** Waits for the client's turn to build here. */
  takeSlot?: () => Promise<() => void>
}
