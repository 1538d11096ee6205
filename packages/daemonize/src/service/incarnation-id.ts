// A new incarnation's id: 128 random bits in hexadecimal, from the kernel; node:crypto takes milliseconds to load.
import { readFileSync } from 'node:fs'

export function makeIncarnationId(): string {
  return readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim().replaceAll('-', '')
}
