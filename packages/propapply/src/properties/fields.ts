// Fields that several properties have.
// Pure: no I/O.
import * as v from 'valibot'

/** Lone surrogates would silently become U+FFFD; no argument of a process can hold a NUL. */
const isText = (value: string) => !value.includes('\0') && !/[\ud800-\udfff]/u.test(value)

export const text = v.pipe(v.string(), v.check(isText, 'expected text without NUL characters'))

/** Slashes and dots that mean nothing. */
const normalize = (value: string) => value.replaceAll(/\/(\.?\/)+/g, '/').replace(/(.)\/\.?$/, '$1')

const isAbsolute = (value: string) => value.startsWith('/') && !value.split('/').includes('..')

/** An absolute path of the far side. What ".." means depends on links there, so it is not taken. */
export const directory = v.pipe(
  text,
  v.check(isAbsolute, 'expected an absolute path without ".."'),
  v.transform(normalize),
)

/** The same, but for the root directory, which nothing here is to make or replace. */
export const path = v.pipe(
  directory,
  v.check((value) => value !== '/', 'expected a path below the root directory'),
)

export const mode = v.pipe(
  v.string('expected an octal string'),
  v.regex(/^[0-7]{3,4}$/, 'expected an octal mode such as "0644"'),
)

/** A user or group: a name, or an id as a string. */
export const owner = v.pipe(
  v.string(),
  v.regex(/^[^\s:\0-][^\s:\0]*$/, 'expected the name of a user or group, or its number as a string'),
)

const isLine = (value: string) => !value.includes('\n') && !value.endsWith('\r')

export const line = v.pipe(text, v.check(isLine, 'expected one line, without its end'))

export const lines = v.pipe(v.array(line), v.minLength(1, 'expected at least one line'))

export const access = { mode: v.optional(mode), owner: v.optional(owner), group: v.optional(owner) }

export type Access = { mode?: string | undefined; owner?: string | undefined; group?: string | undefined }

/** "0644" as ls(1) shows it: "rw-r--r--". */
export function formatPermissions(octal: string): string {
  const [special = 0, ...digits] = Array.from(octal.padStart(4, '0'), Number)
  const letters = ['s', 's', 't']
  return digits
    .map((digit, place) => {
      const letter = letters[place] ?? ''
      const marked = (special & (4 >> place)) !== 0
      const executable = (digit & 1) !== 0
      const last = marked ? (executable ? letter : letter.toUpperCase()) : executable ? 'x' : '-'
      return `${digit & 4 ? 'r' : '-'}${digit & 2 ? 'w' : '-'}${last}`
    })
    .join('')
}

/** PERMS MODE USER GROUP, as the functions of access.sh take them. */
export function formatAccess({ mode: octal = '', owner: user = '', group = '' }: Access): string[] {
  return [octal && formatPermissions(octal), octal, user, group]
}
