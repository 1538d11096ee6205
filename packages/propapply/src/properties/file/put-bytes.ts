// Which function of the shell library puts some bytes into a file: text as a word, other bytes as a format of
// printf(1), and what is large on standard input, when the far side asks for it.
// Pure: no I/O.
import { Buffer, isUtf8 } from 'node:buffer'
import { readData, type Data } from '../../data/data.ts'
import type { Action, Upload } from '../../property.ts'
import { formatAccess, type Access } from '../fields.ts'
import { computeChecksums } from './checksums.ts'

export type Target = Access & { path: string }

/** Content beyond this stays here until it is asked for, so that a run without changes does not send it. */
const largestInline = 128 * 1024

/** Of a secret for which none is told. */
const secretMode = '0600'

/** Makes the file hold `bytes`; `parents`: the directories above it are made. */
export function putBytes(bytes: Buffer, target: Target, parents: boolean): Action | Promise<Action> {
  if (bytes.length > largestInline) return putStream(() => [bytes], target, parents)
  const args = [target.path, String(bytes.length), ...formatAccess(target), parents ? 'yes' : '']
  if (isUtf8(bytes) && !bytes.includes(0)) return { call: ['has_content', ...args, bytes.toString('utf8')] }
  return { call: ['has_bytes', ...args, formatOctal(bytes)] }
}

/** The same for data: what is a secret is never part of the program, where a diff would show it. */
export async function putData(data: Data, target: Target, parents: boolean): Promise<Action> {
  if (data.isSecret) return putStream(data.open, { ...target, mode: target.mode ?? secretMode }, parents)
  if (data.bytes === undefined || data.bytes > largestInline) return putStream(data.open, target, parents)
  return putBytes(await readData(data), target, parents)
}

/** The same for content of any size, which is read twice: for its checksums now, and when it is asked for. */
async function putStream(open: Upload['open'], target: Target, parents: boolean): Promise<Action> {
  const { bytes, sha256, cksum } = await computeChecksums(open())
  const sums = [String(bytes), sha256, String(cksum)]
  return {
    call: ['uploaded', target.path, ...sums, ...formatAccess(target), parents ? 'yes' : ''],
    upload: { bytes, open },
  }
}

/** Bytes as a format of printf(1): POSIX has no other way to write a NUL from a shell. */
function formatOctal(bytes: Buffer): string {
  return Array.from(bytes, (byte) => {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x5c
    return plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`
  }).join('')
}
