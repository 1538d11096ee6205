// file.contains-ini-settings: keys and values in sections.
import * as v from 'valibot'
import { defineProperty } from '../../property.ts'
import { line, path } from '../fields.ts'
import { lineNotes } from './lines.ts'

const section = v.pipe(line, v.minLength(1, 'expected the name of a section'))
const key = v.pipe(
  line,
  v.regex(/^[^\s=#;[][^\s=]*$/, 'expected a key without blanks and "=", not starting with "#", ";" or "["'),
)

export const containsIniSettings = defineProperty({
  name: 'file.contains-ini-settings',
  summary: 'the file has these settings, written KEY=VALUE in [sections]',
  fields: {
    path,
    settings: v.pipe(
      v.array(v.strictTuple([section, key, line])),
      v.minLength(1, 'expected at least one [section, key, value]'),
    ),
  },
  describe: ({ path: file, settings }) =>
    `${file} has ${settings.map(([where, name, value]) => `"[${where}] ${name}=${value}"`).join(', ')}`,
  apply: ({ path: file, settings }) => ({ call: ['contains_ini_settings', file, ...settings.flat()] }),
  notes: [
    'The first line for a key in its section, commented out with "#" or ";" or not, takes the value in its place; ' +
      'later ones are commented out.',
    'A missing key is added after the last setting of its section, a missing section at the end of the file. What ' +
      'comes before the first section stays as it is.',
    'A file that changes has all its settings written KEY=VALUE.',
    ...lineNotes,
  ],
  example: { path: '/etc/systemd/logind.conf', settings: [['Login', 'HandleLidSwitch', 'ignore']] },
})
