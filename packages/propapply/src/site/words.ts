// A property on the command line: -p 'file.has-content path=/etc/motd content="hi there"'.
//
//   application = NAME { blank FIELD "=" VALUE }      in words as sh splits them: quotes and backslashes, no expansion;
//                                                     a list or object of JSON needs no quotes around it
//
// A value is taken as text where the field takes text, else as JSON; a single word is also a list of one.
// Pure: no I/O.
import * as v from 'valibot'
import { factConditions } from '@plumbline/common/records/facts'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Property } from '../property.ts'

/** Throws SITE_INVALID. */
function splitWords(text: string, where: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    const json = quote === '' && word?.endsWith('=') ? jsonAt(text, at) : undefined
    if (json !== undefined) {
      word += json
      at += json.length - 1
      continue
    }
    if (char === '\\' && quote !== "'" && (quote === '' || /["\\$`]/.test(text[at + 1] ?? ''))) {
      word = (word ?? '') + (text[++at] ?? '')
    } else if (quote ? char === quote : /["']/.test(char)) {
      quote = quote ? '' : char
      word ??= ''
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + char
    }
  }
  if (quote) throw new ToolError('SITE_INVALID', { where, reason: `a ${quote} is not closed` })
  return word === undefined ? words : [...words, word]
}

/** The list or object of JSON that starts here and ends with a word; undefined when there is none. */
function jsonAt(text: string, from: number): string | undefined {
  if (!/[[{]/.test(text[from] ?? '')) return undefined
  for (const { index } of text.slice(from).matchAll(/[\]}](?=\s|$)/g)) {
    const json = text.slice(from, from + index + 1)
    if (parseJson(json) !== undefined) return json
  }
  return undefined
}

/** The words as an application, not yet checked. Throws SITE_INVALID. */
export function parseWords(
  text: string,
  where: string,
  find: (name: string) => Property | undefined,
): Record<string, unknown> {
  const [name = '', ...pairs] = splitWords(text, where)
  const fields: v.ObjectEntries = { where: factConditions, ...find(name)?.fields }
  const application: Record<string, unknown> = { property: name }
  for (const pair of pairs) {
    const [, field = '', value = ''] = /^([A-Za-z_][\w-]*)=(.*)$/s.exec(pair) ?? []
    if (field === '') {
      throw new ToolError('SITE_INVALID', { where, reason: `expected FIELD=VALUE, found "${pair}"` })
    }
    if (Object.hasOwn(application, field)) {
      throw new ToolError('SITE_INVALID', { where, reason: `field "${field}" was given twice` })
    }
    const schema = Object.hasOwn(fields, field) ? fields[field] : undefined
    application[field] = schema ? chooseValue(schema as v.GenericSchema, value) : value
  }
  return application
}

function chooseValue(schema: v.GenericSchema, word: string): unknown {
  const takes = (value: unknown) => v.safeParse(schema, value).success
  const parsed = /^[[{]|^(true|false)$/.test(word.trim()) ? parseJson(word) : undefined
  if (parsed !== undefined && takes(parsed)) return parsed
  if (takes(word)) return word
  return takes([word]) ? [word] : (parsed ?? word)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
