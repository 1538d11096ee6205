// The unified diff of a record: names in place of the temporary ones, no times. diff(1) writes the format.
// Pure: no I/O.
import { bytesField } from '@plumbline/common/ndjson/bytes'

/** `{diff}`, or `{diff_base64}` when it is not UTF-8; null when there is none. */
export function diffField(diff: Buffer | undefined): { diff?: string | null; diff_base64?: string } {
  if (!diff?.length) return { diff: null }
  return bytesField('diff', nameFiles(diff))
}

function nameFiles(diff: Buffer): Buffer {
  const text = diff.toString('latin1')
  const [, old = ''] = /^--- ([^\t\n]*).*\n\+\+\+ .*\n/.exec(text) ?? []
  return Buffer.from(text.replace(/^--- .*\n\+\+\+ .*\n/, `--- ${old}\n+++ new\n`), 'latin1')
}
