// One connection's view of the store: who is there, what they have set, and what lives as long as they stay.
import { getuid } from 'node:process'
import type { ConnectionEnd } from './connection-end.ts'
import type { Store } from './store/store.ts'
import type { RootSet } from './store/temp-roots.ts'

export type Peer = {
  /** Nobody's word but the kernel's; undefined for TCP. */
  uid: number | undefined
  pid: number | undefined
  /** What the log calls them. */
  name: string
}

export type Options = {
  keepFailed: boolean
  keepGoing: boolean
  fallback: boolean
  verbosity: number
  buildVerbosity: number
  printBuildTrace: boolean
  useSubstitutes: boolean
  /** Builds may be offered to the offload hook. */
  offload: boolean
  keepOutputs: boolean
  keepDerivations: boolean
  /** As set, "untrusted-" in front of what an untrusted client may not set. */
  settings: Map<string, string>
}

export type Session = {
  readonly store: Store
  readonly peer: Peer
  readonly trusted: boolean
  readonly remote: boolean
  readonly options: Options
  /** Temporary roots of this connection. */
  readonly roots: RootSet
  /** Text for the client: 0 error, 1 info, 2 talkative, 3 chatty, 4 debug, 5 vomit. */
  log: (level: number, text: string) => void
  /** What a builder prints, unchanged. A promise when the client is behind. */
  output: (bytes: Buffer) => Promise<void> | undefined
  /** Aborted when the client has gone or the daemon ends. */
  readonly signal: AbortSignal
}

export function makeSession(store: Store, peer: Peer, remote: boolean, end: ConnectionEnd): Session {
  const { useSubstitutes, keepOutputs, keepDerivations } = store.config
  return {
    store,
    peer,
    trusted: isTrusted(peer),
    remote,
    options: {
      keepFailed: false,
      keepGoing: false,
      fallback: false,
      verbosity: 1,
      buildVerbosity: 0,
      printBuildTrace: false,
      useSubstitutes,
      offload: true,
      keepOutputs,
      keepDerivations,
      settings: new Map(),
    },
    roots: store.tempRoots.open(peer.uid, isTrusted(peer)),
    log: () => undefined,
    output: () => undefined,
    get signal() {
      return end.signal
    },
  }
}

/** Whoever the daemon runs as could do to the store by hand what is refused to others. */
export function isTrusted({ uid }: Peer): boolean {
  return uid !== undefined && (uid === 0 || uid === getuid?.())
}

export function endSession({ store, roots }: Session): void {
  store.tempRoots.close(roots)
}
