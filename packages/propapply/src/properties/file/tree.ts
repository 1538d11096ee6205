// Directories, links, removals, copies, modes and owners.
import * as v from 'valibot'
import { defineProperty } from '../../property.ts'
import { access, formatAccess, formatPermissions, mode, owner, path, text } from '../fields.ts'

export const directoryExists = defineProperty({
  name: 'file.directory-exists',
  summary: 'there is such a directory',
  fields: { path, ...access },
  describe: (given) => `${given.path} exists`,
  apply: (given) => ({ call: ['directory_exists', given.path, ...formatAccess(given)] }),
  unapply: (given) => ({ call: ['empty_directory_does_not_exist', given.path] }),
  notes: [
    'Directories above it are made too, with mode 0755, and are left as they are when they are there.',
    'A symbolic link to a directory is a directory. Unapplying removes the directory, and fails if it is not empty.',
  ],
  example: { path: '/srv/www', mode: '0755', owner: 'www-data', group: 'www-data' },
})

export const directoryDoesNotExist = defineProperty({
  name: 'file.directory-does-not-exist',
  summary: 'there is no such directory',
  fields: { path },
  describe: (given) => `${given.path} does not exist`,
  apply: (given) => ({ call: ['directory_does_not_exist', given.path] }),
  notes: ['It is removed with all that is in it. Anything else under that name, or a link, is an error.'],
  example: { path: '/var/cache/old' },
})

export const doesNotExist = defineProperty({
  name: 'file.does-not-exist',
  summary: 'there is no such file',
  fields: { path },
  describe: (given) => `${given.path} does not exist`,
  apply: (given) => ({ call: ['does_not_exist', given.path] }),
  notes: ['A link is removed, not what it leads to. A directory under that name is an error.'],
  example: { path: '/etc/nologin' },
})

export const symlinked = defineProperty({
  name: 'file.symlinked',
  summary: 'the path is a symbolic link to target',
  fields: { path, target: v.pipe(text, v.regex(/^[^\n]+$/, 'expected a path on one line')) },
  describe: (given) => `${given.path} links to ${given.target}`,
  apply: (given) => ({ call: ['symlinked', given.path, given.target] }),
  unapply: (given) => ({ call: ['not_symlinked', given.path] }),
  notes: [
    'A link is replaced; anything else under that name is an error. target may be relative, and need not exist.',
    'Unapplying removes the link, wherever it leads, and leaves anything else.',
  ],
  example: { path: '/etc/localtime', target: '/usr/share/zoneinfo/UTC' },
})

export const isCopyOf = defineProperty({
  name: 'file.is-copy-of',
  summary: 'the file holds what another file there holds',
  fields: { path, source: path },
  describe: (given) => `${given.path} is copy of ${given.source}`,
  apply: (given) => ({ call: ['is_copy_of', given.path, given.source] }),
  notes: [
    'Content decides. When it is copied, mode, owner (as far as allowed) and times are copied with it.',
  ],
  example: { path: '/boot/vmlinuz', source: '/boot/vmlinuz-6.1' },
})

export const hasMode = defineProperty({
  name: 'file.has-mode',
  summary: 'the file has this mode',
  fields: { path, mode },
  describe: (given) => `${given.path} has mode ${given.mode}`,
  apply: (given) => ({ call: ['has_mode', given.path, formatPermissions(given.mode), given.mode] }),
  notes: ['A symbolic link is followed. A missing file is an error.'],
  example: { path: '/etc/shadow', mode: '0640' },
})

export const hasOwnership = defineProperty({
  name: 'file.has-ownership',
  summary: 'the file has this owner and group',
  fields: { path, owner: v.optional(owner), group: v.optional(owner) },
  check: (given) =>
    given.owner === undefined && given.group === undefined
      ? { field: 'owner', reason: 'missing, expected "owner", "group" or both' }
      : undefined,
  describe: (given) => `${given.path} belongs to ${given.owner ?? ''}${given.group ? `:${given.group}` : ''}`,
  apply: (given) => ({ call: ['has_ownership', given.path, given.owner ?? '', given.group ?? ''] }),
  notes: ['A symbolic link is not followed. A missing file is an error.'],
  example: { path: '/var/lib/app', owner: 'app', group: 'app' },
})
