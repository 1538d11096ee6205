// The arguments of this process, with the bytes that Node takes from those that are not UTF-8.
import { readFileSync } from 'node:fs'
import { decodeText } from '../process/byte-text.ts'

/** As byte-text.ts has them; where there is no /proc, as Node has them. */
export function recoverArguments(words: readonly string[]): string[] {
  if (!words.some((word) => word.includes('\ufffd'))) return [...words]
  try {
    const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1)
    return all.slice(-words.length).map((word) => decodeText(Buffer.from(word, 'latin1')))
  } catch {
    return [...words]
  }
}
