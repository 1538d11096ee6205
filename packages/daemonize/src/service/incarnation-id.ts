// A new incarnation's id: 128 random bits in hexadecimal.
import { randomBytes } from '@plumbline/common/process/random-bytes'

export function makeIncarnationId(): string {
  return randomBytes(16).toString('hex')
}
