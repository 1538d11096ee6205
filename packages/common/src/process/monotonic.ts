// A clock that nobody sets.
import { hrtime } from 'node:process'

/** Milliseconds since some moment. The global `performance` would take one to be loaded. */
export function monotonicMs(): number {
  return Number(hrtime.bigint()) / 1e6
}
