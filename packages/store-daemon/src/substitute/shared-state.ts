// What all connections to a store share about substitutes.
import { Limit } from '@plumbline/common/process/limit'
import type { Store } from '../store/store.ts'
import { AnswerCache } from './answer-cache.ts'

/** More downloads at a time gain nothing on one disk, and hold up those that are nearly done. */
const maxDownloads = 8

export type SharedState = { readonly answers: AnswerCache; readonly downloads: Limit }

const states = new WeakMap<Store, SharedState>()

export function sharedState(store: Store): SharedState {
  const known = states.get(store) ?? { answers: new AnswerCache(), downloads: new Limit(maxDownloads) }
  states.set(store, known)
  return known
}
