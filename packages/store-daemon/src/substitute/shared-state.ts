// What all connections to a store share about substitutes.
import { Limit } from '@plumbline/common/process/limit'
import type { Session } from '../session.ts'
import type { Store } from '../store/store.ts'
import { AnswerCache } from './answer-cache.ts'

/** More downloads at a time gain nothing on one disk, and hold up those that are nearly done. */
const maxDownloads = 8

export type SharedState = {
  readonly answers: AnswerCache
  readonly downloads: Limit
  /** From servers that a user has named, by uid, and of all whose uid is not known. */
  readonly strangers: Map<number | undefined, Limit>
}

const states = new WeakMap<Store, SharedState>()

export function sharedState(store: Store): SharedState {
  const known = states.get(store) ?? {
    answers: new AnswerCache(),
    downloads: new Limit(maxDownloads),
    strangers: new Map(),
  }
  states.set(store, known)
  return known
}

/** Whose turn a download waits for: nobody's whose servers are others'. */
export function downloadsOf({ store, peer }: Session, isStranger: boolean): Limit {
  const { downloads, strangers } = sharedState(store)
  if (!isStranger) return downloads
  const limit = strangers.get(peer.uid) ?? new Limit(maxDownloads)
  strangers.set(peer.uid, limit)
  return limit
}
