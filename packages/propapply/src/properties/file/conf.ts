// file.contains-conf-*: keys and values, a setting a line.
import * as v from 'valibot'
import { mapOf } from '@plumbline/common/records/map-of'
import { defineProperty, type Property } from '../../property.ts'
import { line, path } from '../fields.ts'
import { lineNotes } from './lines.ts'

/** A key that could not be found again would be added by every run. */
const key = v.pipe(
  line,
  v.regex(/^[^\s#=][^\s=]*$/, 'expected a key without blanks and "=", not starting with "#"'),
)
const wordKey = v.pipe(line, v.regex(/^[^\s#]\S*$/, 'expected a key without blanks, not starting with "#"'))

const settingsOf = <K extends typeof key | typeof wordKey>(keys: K) =>
  v.pipe(
    mapOf(keys, line),
    v.check((settings) => Object.keys(settings).length > 0, 'expected at least one setting'),
  )

type Form = {
  name: string
  what: string
  /** How conf.sh reads settings. */
  reads: 'blank' | 'equals' | 'unspaced'
  separator: string
  escape?: (value: string) => string
  example: Readonly<Record<string, unknown>>
}

const forms: Form[] = [
  {
    name: 'space',
    what: 'KEY VALUE',
    reads: 'blank',
    separator: ' ',
    example: { path: '/etc/ssh/sshd_config', settings: { PermitRootLogin: 'no' } },
  },
  {
    name: 'tab',
    what: 'KEY<tab>VALUE',
    reads: 'blank',
    separator: '\t',
    example: { path: '/etc/aliases.conf', settings: { root: 'admin' } },
  },
  {
    name: 'equals',
    what: 'KEY = VALUE',
    reads: 'equals',
    separator: ' = ',
    example: { path: '/etc/sysctl.conf', settings: { 'net.ipv4.ip_forward': '1' } },
  },
  {
    name: 'unspaced',
    what: 'KEY=VALUE',
    reads: 'unspaced',
    separator: '=',
    example: { path: '/etc/adduser.conf', settings: { DIR_MODE: '0700' } },
  },
  {
    name: 'shell',
    what: 'KEY=VALUE, the value quoted for sh',
    reads: 'equals',
    separator: '=',
    escape: quoteDouble,
    example: { path: '/etc/default/locale', settings: { LANG: 'C.UTF-8' } },
  },
]

/** As Consfigurator quotes: in double quotes, when there is anything to quote. */
function quoteDouble(value: string): string {
  if (/^[A-Za-z0-9+_.,%@:/=-]+$/.test(value)) return value
  return `"${value.replaceAll(/["$`\\]/g, '\\$&')}"`
}

function defineForm({ name, what, reads, separator, escape = (value) => value, example }: Form): Property {
  return defineProperty({
    name: `file.contains-conf-${name}`,
    summary: `the file has these settings, written ${what}`,
    fields: { path, settings: settingsOf(reads === 'blank' ? wordKey : key) },
    describe: ({ path: file, settings }) => {
      const list = Object.entries(settings).map(([each, value]) => `"${each}${separator}${value}"`)
      return `${file} has ${list.join(', ').replaceAll('\t', ' ')}`
    },
    apply: ({ path: file, settings }) => {
      const pairs = Object.entries(settings).flatMap(([each, value]) => [each, escape(value)])
      return { call: ['contains_conf', file, reads, separator, ...pairs] }
    },
    notes: [
      'The first line for a key, commented out with "#" or not, takes the value in its place; later ones are ' +
        'commented out; keys without a line are added at the end, in order.',
      ...(name === 'space'
        ? [
            'Sections are not known: a key that is added at the end of an sshd_config with a "Match" block belongs to ' +
              'that block. A file of its own in /etc/ssh/sshd_config.d does not.',
          ]
        : []),
      'A file that changes has all its settings written in this form. Lines that start with a blank are not looked at.',
      ...lineNotes,
    ],
    example,
  })
}

export const confProperties = forms.map(defineForm)
