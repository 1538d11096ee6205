// What builds ask of substitute servers: what they have, and to hand an item over.
import type { Session } from '../session.ts'

export type SubstituteInfo = {
  path: string
  deriver: string | null
  references: readonly string[]
  /** Bytes to download, and of the nar; 0 when unknown. */
  downloadSize: number
  narSize: number
}

export type FetchOptions = {
  /** Text for the clients that wait, as of a session; progress as `@ download-…` lines goes here too. */
  log: (level: number, text: string) => void
  signal: AbortSignal
  /** Replaces an item that is valid but corrupt, atomically. */
  repair: boolean
}

export interface Substituter {
  /** What can be had of `paths`; asking in batches is cheaper. What cannot be is not in the map, and no error. */
  query(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, SubstituteInfo>>
  /**
   * Makes a path valid: takes its lock, downloads, verifies, unpacks, registers. Its references are valid already, and
   * it is a temporary root of the session. Throws STORE_FAILED with the item named.
   */
  fetch(info: SubstituteInfo, options: FetchOptions): Promise<void>
}

/** The servers that this client uses; with substitutes turned off, none. */
export function openSubstituter(_session: Session): Substituter {
  return {
    query: async () => new Map(),
    fetch: () => Promise.reject(new Error('there is nothing to fetch from')),
  }
}
