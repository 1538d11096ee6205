// file.has-content, file.exists-with-content: the file holds just these bytes.
import * as v from 'valibot'
import { openData } from '../../data/open-data.ts'
import { defineProperty, type Action, type Place } from '../../property.ts'
import { access, line, path, text, type Access } from '../fields.ts'
import { putBytes, putData } from './put-bytes.ts'

const fields = {
  path,
  content: v.optional(text),
  content_base64: v.optional(v.pipe(v.string(), v.base64('expected base64'))),
  lines: v.optional(v.array(line)),
  data: v.optional(v.pipe(text, v.minLength(1, 'expected the name of data'))),
  ...access,
}

type Content = Access & {
  path: string
  content?: string | undefined
  content_base64?: string | undefined
  lines?: string[] | undefined
  data?: string | undefined
}

function contentOf({ content, content_base64: encoded, lines: list }: Content): Buffer {
  if (encoded !== undefined) return Buffer.from(encoded, 'base64')
  return Buffer.from(content ?? (list ?? []).map((each) => `${each}\n`).join(''))
}

function check(given: Content) {
  const ways = [given.content, given.content_base64, given.lines, given.data].filter(
    (each) => each !== undefined,
  )
  if (ways.length === 1) return undefined
  return { field: 'content', reason: 'expected one of "content", "content_base64", "lines" and "data"' }
}

// A directory made on the way to what may be a secret would be open to all.
async function apply(given: Content, place: Place): Promise<Action> {
  if (given.data === undefined) return putBytes(contentOf(given), given, given.mode === undefined)
  const data = await openData(given.data, { ...place, path: given.path })
  return putData(data, given, given.mode === undefined && !data.isSecret)
}

const notes = [
  'content is written as given: a final newline is there if it is in content. lines end in a newline each.',
  'data names content that is fetched on this machine, as source of file.uploaded does.',
  'A new file has mode 0644; mode and owner of an existing file are kept unless told.',
  'Directories above the file are made, with mode 0755, unless a mode is asked for.',
  'A symbolic link is read through; when the content differs, the link is replaced by a file.',
]

export const hasContent = defineProperty({
  name: 'file.has-content',
  summary: 'the file holds just this content',
  fields,
  check,
  describe: ({ path: file }) => `${file} has content`,
  apply,
  notes: [...notes, 'It cannot be unapplied, since what was there before is not known.'],
  example: { path: '/etc/motd', content: 'Welcome\n', mode: '0644' },
})

export const existsWithContent = defineProperty({
  name: 'file.exists-with-content',
  summary: 'the file holds just this content, or is not there when unapplied',
  fields,
  check,
  describe: ({ path: file }) => `${file} exists with content`,
  apply,
  unapply: ({ path: file }) => ({ call: ['does_not_exist', file] }),
  notes: [...notes, 'Unapplying removes the file.'],
  example: { path: '/etc/cron.d/backup', lines: ['@daily root /usr/local/bin/backup'] },
})
