// file.uploaded: the file there holds data that is fetched on this machine, a file of it say.
import * as v from 'valibot'
import { describeData } from '../../data/data-name.ts'
import { openData } from '../../data/open-data.ts'
import { defineProperty } from '../../property.ts'
import { access, path, text } from '../fields.ts'
import { putData } from './put-bytes.ts'

export const uploaded = defineProperty({
  name: 'file.uploaded',
  summary: 'the file there holds what a file of this machine, or other data, holds',
  fields: { path, source: v.pipe(text, v.minLength(1, 'expected a path, or the name of data')), ...access },
  describe: ({ path: file, source }) => `${file} is ${describeData(source)} uploaded`,
  apply: async (given, place) =>
    putData(await openData(given.source, { ...place, path: given.path }), given, true),
  unapply: ({ path: file }) => ({ call: ['does_not_exist', file] }),
  notes: [
    'source is a path of this machine, relative to the site file, or names other data: file:, files-tree:, git:, ' +
      'gpg:, pass:, env: or command:. It is fetched here, once, before any host is touched.',
    'A secret (gpg, pass, env, command) gets mode 0600 unless told, and is never shown as a diff.',
    'A large file is sent only to hosts that have another content, told by SHA-256 (cksum where that is missing).',
    'A new file has mode 0644; mode and owner of an existing file are kept unless told.',
    'Directories above the file are made. Unapplying removes the file.',
  ],
  example: { path: '/etc/ssl/certs/site.pem', source: 'files/site.pem', mode: '0644' },
})
