// Reads Scheme data, as far as derivations of Guix's downloads hold them: URLs, lists of mirrors, and small programs.
//
//   datum = "(" { datum } ")" | "[" { datum } "]" | "'" datum | string | "#t" | "#f" | "#:" name | symbol
//
// Numbers are not told from symbols: nothing here calculates. `;` begins a comment. R7RS §7.1.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'

export type Datum = string | boolean | Name | readonly Datum[]
/** A symbol; text is a JavaScript string. */
export type Name = { readonly name: string }

const maxDepth = 100

/** The data in `text`, a byte string. Throws SCHEME_INVALID. */
export function parseScheme(text: string): Datum[] {
  const token =
    /(?:\s|;[^\n]*(?:\n|$))*(?:([([])|([)\]])|(')|"((?:[^"\\]|\\[^])*)"|#([tf])\b|(#?[^\s()[\]"';]+)|$)/y
  const open: { items: Datum[]; quotes: number }[] = [{ items: [], quotes: 0 }]
  for (;;) {
    const at = token.lastIndex
    const match = token.exec(text)
    const top = open.at(-1)
    if (!match || !top) throw invalid(`unexpected text at byte ${at}`)
    const [, opening, closing, quote, string, flag, word] = match
    if (opening !== undefined) {
      if (open.length > maxDepth) throw invalid('nested too deeply')
      open.push({ items: [], quotes: 0 })
    } else if (quote !== undefined) top.quotes++
    else if (closing !== undefined) {
      open.pop()
      const parent = open.at(-1)
      if (!parent) throw invalid(`unexpected ")" at byte ${at}`)
      add(parent, top.items)
    } else if (string !== undefined) add(top, unescape(string))
    else if (flag !== undefined) add(top, flag === 't')
    else if (word !== undefined) add(top, { name: word })
    else {
      if (open.length > 1) throw invalid('it is cut off')
      return top.items
    }
  }
}

export function isName(datum: Datum | undefined): datum is Name {
  return typeof datum === 'object' && !Array.isArray(datum)
}

export function isList(datum: Datum | undefined): datum is readonly Datum[] {
  return Array.isArray(datum)
}

function add(list: { items: Datum[]; quotes: number }, datum: Datum): void {
  let quoted = datum
  for (; list.quotes > 0; list.quotes--) quoted = [{ name: 'quote' }, quoted]
  list.items.push(quoted)
}

function unescape(text: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\n': '' }
  return text.replace(/\\([^])/g, (_, letter: string) => letters[letter] ?? letter)
}

function invalid(reason: string): ToolError {
  return new ToolError('SCHEME_INVALID', { reason })
}
