// file.contains-lines, file.lacks-lines: whole lines.
import { defineProperty } from '../../property.ts'
import { lines, path } from '../fields.ts'

const quoteAll = (list: readonly string[]) => list.map((each) => `"${each}"`).join(', ')

/** Said by every property that edits lines. */
export const lineNotes = [
  'Lines are compared byte by byte; LF and CRLF end a line. A file that changes gets LF and a final newline, one ' +
    'that does not stays as it is.',
  'Mode and owner are kept; a symbolic link that changes is replaced by a file. A file with NUL bytes is an error.',
]

export const containsLines = defineProperty({
  name: 'file.contains-lines',
  summary: 'the file has each of these lines',
  fields: { path, lines },
  describe: (given) => `${given.path} contains ${quoteAll(given.lines)}`,
  apply: (given) => ({ call: ['contains_lines', given.path, ...given.lines] }),
  unapply: (given) => ({ call: ['lacks_lines', given.path, ...given.lines] }),
  notes: [
    'Missing lines are added at the end, in order; a missing file is made. Unapplying removes the lines.',
    ...lineNotes,
  ],
  example: { path: '/etc/modules', lines: ['loop', 'dm_crypt'] },
})

export const lacksLines = defineProperty({
  name: 'file.lacks-lines',
  summary: 'the file has none of these lines',
  fields: { path, lines },
  describe: (given) => `${given.path} lacks ${quoteAll(given.lines)}`,
  apply: (given) => ({ call: ['lacks_lines', given.path, ...given.lines] }),
  notes: ['A missing file lacks all lines.', ...lineNotes],
  example: { path: '/etc/securetty', lines: ['tty1'] },
})
