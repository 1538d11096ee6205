// file.lacks-lines-matching, file.regex-replaced-lines: lines that a pattern picks.
import * as v from 'valibot'
import { defineProperty } from '../../property.ts'
import { path } from '../fields.ts'
import { lineNotes } from './lines.ts'
import { formatMarking, formatReplacing, pattern, replacement } from './pattern.ts'

const patternNote =
  'A pattern is a POSIX extended regular expression over bytes (the C locale); \\d \\w \\s \\D \\W \\S \\t are known too.'

export const lacksLinesMatching = defineProperty({
  name: 'file.lacks-lines-matching',
  summary: 'no line of the file matches any of these patterns',
  fields: { path, patterns: v.pipe(v.array(pattern), v.minLength(1, 'expected at least one pattern')) },
  describe: (given) => `${given.path} lacks lines matching ${given.patterns.join(', ')}`,
  apply: ({ path: file, patterns }) => ({ call: ['lacks_lines_matching', file, formatMarking(patterns)] }),
  notes: [patternNote, 'A missing file has no lines.', ...lineNotes],
  example: { path: '/etc/fstab', patterns: ['^/dev/fd0[[:space:]]'] },
})

export const regexReplacedLines = defineProperty({
  name: 'file.regex-replaced-lines',
  summary: 'what matches the pattern is replaced, in every line of the file',
  fields: { path, pattern, replacement },
  describe: (given) => `${given.path} has s/${given.pattern}/${given.replacement}/`,
  apply: (given) => ({
    call: ['regex_replaced_lines', given.path, formatReplacing(given.pattern, given.replacement)],
  }),
  notes: [
    patternNote,
    'In the replacement, \\& is what matched and \\1 to \\9 are its groups; a bare & is itself.',
    'Every match in a line is replaced. When the next run would replace again, it is an error and nothing changes.',
    ...lineNotes,
  ],
  example: { path: '/etc/default/grub', pattern: '^#?GRUB_TIMEOUT=.*', replacement: 'GRUB_TIMEOUT=1' },
})
