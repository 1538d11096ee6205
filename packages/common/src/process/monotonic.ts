// A clock that nobody sets.
import { hrtime } from 'node:process'

/** Milliseconds since some moment. To load the global `performance` would take almost one. */
export function monotonicMs(): number {
  return Number(hrtime.bigint()) / 1e6
}
