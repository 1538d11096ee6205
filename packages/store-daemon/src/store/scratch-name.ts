// Names for files that have no name of their own yet: never the same twice, not in another thread, nor in another
// process of the same number that was killed before.
import { randomBytes } from 'node:crypto'
import { pid } from 'node:process'

// Every thread has its own.
const tag = randomBytes(6).toString('hex')
let counter = 0

/** PREFIX-PID-TAG-N: the process is there for others to see whether it lives. */
export function scratchName(prefix: string): string {
  return `${prefix}-${pid}-${tag}-${counter++}`
}
