// S-expressions as libgcrypt writes and reads them: keys, signatures and access lists are kept in this form.
//
//   sexp = "(" { item } ")"        item = sexp | atom
//   atom = token | '"' { byte } '"' | "#" { hex digit } "#"
//
// Written in libgcrypt's "advanced" layout: a list inside a list starts a line of its own, indented by one space a
// level, and closes on a line of its own. Rivest, "S-Expressions", draft-rivest-sexp.
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

/** An atom is its bytes; a list is its items. */
export type Sexp = Buffer | readonly Sexp[]

const maxDepth = 64

/** The one expression in `text`, a byte string. Throws SEXP_INVALID. */
export function parseSexp(text: string): Sexp {
  const token = /\s*(?:([()])|#([0-9a-fA-F\s]*)#|"((?:[^"\\]|\\.)*)"|([A-Za-z0-9\-./_:*+=]+))/sy
  const open: Sexp[][] = []
  for (;;) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (!match) throw new ToolError('SEXP_INVALID', { reason: `expected an item at byte ${at}` })
    const [, bracket, hex, quoted, word] = match
    let item: Sexp | undefined
    if (bracket === '(') {
      if (open.length === maxDepth) throw new ToolError('SEXP_INVALID', { reason: 'nested too deeply' })
      open.push([])
      continue
    }
    if (bracket === ')') item = open.pop()
    else if (hex !== undefined) item = parseHex(hex)
    else item = Buffer.from(word ?? unescape(quoted ?? ''), 'latin1')
    const parent = open.at(-1)
    if (!item) throw new ToolError('SEXP_INVALID', { reason: `unexpected ")" at byte ${at}` })
    if (parent) parent.push(item)
    else if (text.slice(token.lastIndex).trim() === '') return item
    else throw new ToolError('SEXP_INVALID', { reason: 'text follows it' })
  }
}

/** `sexp` laid out as libgcrypt does, as a byte string. */
export function formatSexp(sexp: Sexp, depth = 0): string {
  if (!isList(sexp)) return formatAtom(sexp)
  const indent = ' '.repeat(depth)
  const items = sexp.map((item, index) => {
    if (!isList(item)) return index === 0 ? formatAtom(item) : ` ${formatAtom(item)}`
    return `${index === 1 || !isList(sexp[index - 1] ?? item) ? ' ' : ''}\n${indent} ${formatSexp(item, depth + 1)}`
  })
  const nested = sexp.some(isList)
  return `(${items.join('')}${nested ? `\n${indent} ` : ''})${depth === 0 ? '\n' : ''}`
}

/** The first list in `sexp`, at any depth, that starts with atom `name`. */
export function findList(sexp: Sexp, name: string): readonly Sexp[] | undefined {
  if (!isList(sexp)) return undefined
  if (atomText(sexp[0]) === name) return sexp
  for (const item of sexp) {
    const found = findList(item, name)
    if (found) return found
  }
  return undefined
}

/** The bytes after the name in `(name BYTES)`, found anywhere in `sexp`. */
export function findBytes(sexp: Sexp, name: string): Buffer | undefined {
  const value = findList(sexp, name)?.[1]
  return value && !isList(value) ? value : undefined
}

export function isList(sexp: Sexp): sexp is readonly Sexp[] {
  return !Buffer.isBuffer(sexp)
}

export function atomText(sexp: Sexp | undefined): string | undefined {
  return sexp && !isList(sexp) ? sexp.toString('latin1') : undefined
}

/** A list of atoms and lists; strings stand for atoms. */
export function makeList(...items: (Sexp | string)[]): Sexp {
  return items.map((item) => (typeof item === 'string' ? Buffer.from(item, 'latin1') : item))
}

export function isSameSexp(a: Sexp, b: Sexp): boolean {
  if (!isList(a) || !isList(b)) return !isList(a) && !isList(b) && a.equals(b)
  return a.length === b.length && a.every((item, index) => isSameSexp(item, b[index] ?? []))
}

function formatAtom(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  if (/^[A-Za-z\-./_:*+=][A-Za-z0-9\-./_:*+=]*$/.test(text)) return text
  if (/^[\x20-\x7e]+$/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`
  return `#${bytes.toString('hex').toUpperCase()}#`
}

function parseHex(text: string): Buffer {
  const digits = text.replace(/\s/g, '')
  if (digits.length % 2) throw new ToolError('SEXP_INVALID', { reason: 'an odd number of hex digits' })
  return Buffer.from(digits, 'hex')
}

function unescape(text: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v' }
  return text.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{3}|.)/gs, (_, code: string) => {
    if (code.length === 3) {
      return String.fromCharCode(
        (code.startsWith('x') ? parseInt(code.slice(1), 16) : parseInt(code, 8)) & 255,
      )
    }
    return letters[code] ?? code
  })
}
