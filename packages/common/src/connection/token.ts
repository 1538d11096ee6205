// The mark of one connection.
import { randomBytes } from '../process/random-bytes.ts'

/** Marks our lines in both streams, and our processes in ps. No secret: only a name that nothing else has. */
export function makeToken(): string {
  return `plumbline-${randomBytes(16).toString('hex')}`
}
