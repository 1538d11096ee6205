// What a substitute server says about one item.
//
//   narinfo = { FIELD ": " VALUE LF }
//
// Once each: StorePath, NarHash, NarSize, References, Deriver, System, Signature. URL may repeat, and begins what
// Compression, FileSize and FileHash after it are about: one nar, compressed in different ways. Fields of other
// names are skipped. References and Deriver are base names, separated by spaces.
//
// The signature covers the bytes of all lines above its own. Guix's servers put the URLs below it, so that below it
// nothing may stand but where to get what has been signed.
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

export type NarLocation = {
  url: string
  compression: string
  fileSize: number | null
  /** "sha256:BASE32" of the file as it is on the server. */
  fileHash: string | null
}

export type Narinfo = {
  storePath: string
  /** In the order of the text. */
  urls: readonly NarLocation[]
  /** "sha256:BASE32". */
  narHash: string
  narSize: number
  references: readonly string[]
  deriver: string | null
  system: string | null
  /** "1;HOST;BASE64" and the text that it signs. */
  signature: { text: string; covers: string } | null
}

/** What a longer text claims to describe has too many references to be true. */
export const maxNarinfo = 1024 * 1024
const maxUrls = 16
const signedFields = new Set(['StorePath', 'NarHash', 'NarSize', 'References', 'Deriver', 'System'])
const locationFields = new Set(['Compression', 'FileSize', 'FileHash'])

/** `text` is a byte string. Throws NARINFO_INVALID with the line. */
export function parseNarinfo(text: string): Narinfo {
  if (text.length > maxNarinfo) throw invalid(1, `it is longer than ${maxNarinfo} bytes`)
  const single = new Map<string, { value: string; line: number }>()
  const urls: NarLocation[] = []
  let signature: Narinfo['signature'] = null
  let offset = 0
  for (const [index, line] of text.split('\n').entries()) {
    const start = offset
    const number = index + 1
    offset += line.length + 1
    if (line === '') continue
    const match = /^([A-Za-z][A-Za-z0-9-]*): ?([^\r\0]*)$/.exec(line)
    const [, field = '', value = ''] = match ?? []
    if (!match) throw invalid(number, 'expected FIELD: VALUE')
    if (field === 'URL') {
      if (urls.length === maxUrls) throw invalid(number, `more than ${maxUrls} URLs`)
      urls.push({ url: value, compression: 'bzip2', fileSize: null, fileHash: null })
    } else if (locationFields.has(field)) {
      const last = urls.at(-1)
      if (!last) throw invalid(number, `${field} comes before URL`)
      if (field === 'Compression') last.compression = value
      else if (field === 'FileSize') last.fileSize = parseSize(value, number)
      else last.fileHash = value
    } else if (field === 'Signature') {
      if (signature) throw invalid(number, 'Signature comes twice')
      signature = { text: value, covers: text.slice(0, start) }
    } else if (signedFields.has(field)) {
      if (single.has(field)) throw invalid(number, `${field} comes twice`)
      if (signature) throw invalid(number, `${field} is not covered by the signature above it`)
      single.set(field, { value, line: number })
    }
  }
  const need = (field: string) => {
    const found = single.get(field)
    if (!found) throw invalid(1, `${field} is missing`)
    return found
  }
  const narSize = need('NarSize')
  if (urls.length === 0) throw invalid(1, 'URL is missing')
  return {
    storePath: need('StorePath').value,
    urls,
    narHash: need('NarHash').value,
    narSize: parseSize(narSize.value, narSize.line),
    references: need('References')
      .value.split(' ')
      .filter((name) => name !== ''),
    deriver: single.get('Deriver')?.value || null,
    system: single.get('System')?.value || null,
    signature,
  }
}

/** The lines that a signature covers, of `narinfo`: all but where the nar is. */
export function formatSignedPart(narinfo: Omit<Narinfo, 'urls' | 'signature'>): string {
  const { storePath, narHash, narSize, references, system, deriver } = narinfo
  return formatLines([
    ['StorePath', storePath],
    ['NarHash', narHash],
    ['NarSize', narSize],
    ['References', references.join(' ')],
    ['System', system],
    ['Deriver', deriver],
  ])
}

/** The text of `narinfo`: the signed part, its signature if it has one, and the URLs. */
export function formatNarinfo(narinfo: Narinfo): string {
  const locations = narinfo.urls.map(({ url, compression, fileSize, fileHash }) =>
    formatLines([
      ['URL', url],
      ['Compression', compression],
      ['FileSize', fileSize],
      ['FileHash', fileHash],
    ]),
  )
  const signature = formatLines([['Signature', narinfo.signature?.text ?? null]])
  return formatSignedPart(narinfo) + signature + locations.join('')
}

function formatLines(fields: readonly (readonly [field: string, value: string | number | null])[]): string {
  return fields.map(([field, value]) => (value === null ? '' : `${field}: ${value}\n`)).join('')
}

function parseSize(text: string, line: number): number {
  const size = Number(text)
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(size)) throw invalid(line, `"${text}" is no size`)
  return size
}

function invalid(line: number, reason: string): ToolError {
  return new ToolError('NARINFO_INVALID', { line, reason })
}
