// Patterns and replacements as a script for `sed -E`.
//
//   pattern      POSIX extended regular expression (XBD 9.4), with \d \w \s \D \W \S and \t besides
//   replacement  text in which \& is what matched, \1 … \9 its groups, \\ a backslash; a bare & is itself
//
// Pure: no I/O.
import * as v from 'valibot'
import { line } from '../fields.ts'

const classes: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  s: '[[:space:]]',
  S: '[^[:space:]]',
  w: '[[:alnum:]_]',
  W: '[^[:alnum:]_]',
  t: '\t',
}

/** Delimits what sed is given: the one character that a pattern cannot have. */
const delimiter = '\u0001'

const bracket = /\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^\]])*\]/.source
const token = new RegExp(`${bracket}|\\\\(.)|[^\\\\]`, 'gsu')

/** The pattern with escapes that POSIX leaves undefined written out; undefined when one has no meaning here. */
export function translatePattern(pattern: string): string | undefined {
  if (pattern === '' || pattern.includes(delimiter) || pattern.replaceAll('\\\\', '').endsWith('\\'))
    return undefined
  let known = true
  const translated = pattern.replaceAll(token, (whole: string, escaped?: string) => {
    if (escaped === undefined) return whole
    if (!/[A-Za-z0-9<>]/.test(escaped)) return whole
    const plain = classes[escaped]
    if (plain === undefined && !/[1-9]/.test(escaped)) known = false
    return plain ?? whole
  })
  return known ? translated : undefined
}

/** The replacement as the right side of sed's s command; undefined when an escape has no meaning. */
export function translateReplacement(replacement: string): string | undefined {
  if (replacement.includes(delimiter)) return undefined
  let known = true
  const translated = replacement.replaceAll(/\\(.?)|&/gsu, (whole: string, escaped?: string) => {
    if (escaped === undefined) return '\\&'
    if (escaped === '&') return '&'
    if (/^[1-9\\]$/.test(escaped)) return whole
    known = false
    return whole
  })
  return known ? translated : undefined
}

export const pattern = v.pipe(
  line,
  v.check(
    (value) => translatePattern(value) !== undefined,
    'expected a POSIX extended regular expression, without escapes of letters but \\d \\w \\s \\D \\W \\S \\t',
  ),
)

export const replacement = v.pipe(
  line,
  v.check(
    (value) => translateReplacement(value) !== undefined,
    'expected text in which a backslash is followed by &, a digit from 1 to 9, or a backslash',
  ),
)

const stripReturn = 's/\r$//'

/** Marks each line "-" when a pattern matches, else "+". */
export function formatMarking(patterns: readonly string[]): string {
  const tests = patterns.map((each) => `\\${delimiter}${translatePattern(each)}${delimiter}b hit`)
  return [stripReturn, ...tests, 's/^/+/', 'b', ':hit', 's/^/-/', ''].join('\n')
}

/** Prints "-" and the line, "+" and what becomes of it, "*" and what would become of that. */
export function formatReplacing(each: string, by: string): string {
  const d = delimiter
  const substitute = `s${d}${translatePattern(each)}${d}${translateReplacement(by)}${d}g`
  return [stripReturn, 'h', 's/^/-/p', 'g', substitute, 'h', 's/^/+/p', 'g', substitute, 's/^/*/', ''].join(
    '\n',
  )
}
