// file.uploaded: the file there is a copy of a file of this machine.
import { resolve } from 'node:path'
import * as v from 'valibot'
import { openLocalFile } from '../../local-file.ts'
import { defineProperty } from '../../property.ts'
import { access, path, text } from '../fields.ts'
import { largestInline, putBytes, putStream } from './put-bytes.ts'

export const uploaded = defineProperty({
  name: 'file.uploaded',
  summary: 'the file there holds what a file of this machine holds',
  fields: { path, source: v.pipe(text, v.minLength(1, 'expected a path')), ...access },
  describe: ({ path: file, source }) => `${file} is ${source} uploaded`,
  apply: async (given, { directory }) => {
    const source = await openLocalFile(resolve(directory, given.source))
    if (source.bytes <= largestInline) return putBytes(await source.read(), given, true)
    return putStream(source.stream, given, true)
  },
  unapply: ({ path: file }) => ({ call: ['does_not_exist', file] }),
  notes: [
    'source is a path of this machine, relative to the site file; it is read before any host is touched.',
    'A large file is sent only to hosts that have another content, told by SHA-256 (cksum where that is missing).',
    'A new file has mode 0644; mode and owner of an existing file are kept unless told.',
    'Directories above the file are made. Unapplying removes the file.',
  ],
  example: { path: '/etc/ssl/certs/site.pem', source: 'files/site.pem', mode: '0644' },
})
