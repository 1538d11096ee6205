// ULIDs (github.com/ulid/spec): 48 bits of time, 80 of chance, in Crockford's base 32; they sort by time.
import { randomBytes } from '../process/random-bytes.ts'

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const timeDigits = 10
const chanceDigits = 16

/** 26 characters; `now` is milliseconds since 1970. */
export function makeIdentifier(now: number): string {
  let time = ''
  for (let rest = now, digit = 0; digit < timeDigits; digit++) {
    time = alphabet.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  return time + Array.from(randomBytes(chanceDigits), (byte) => alphabet.charAt(byte % 32)).join('')
}
