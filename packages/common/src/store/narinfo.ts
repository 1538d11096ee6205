// What a substitute server says about one item.
//
//   narinfo = { FIELD ": " VALUE LF }      fields as below; those in a list, and unknown ones, may repeat or lack
//
// References and Deriver are base names. The signature covers the bytes of all lines above its own.
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'

export type Narinfo = {
  storePath: string
  /** Where the nar is, in order of preference, each compressed in its own way. */
  urls: readonly { url: string; compression: string; fileSize: number | null }[]
  /** "sha256:BASE32". */
  narHash: string
  narSize: number
  references: readonly string[]
  deriver: string | null
  system: string | null
  /** "1;HOST;BASE64" and the text that it signs. */
  signature: { text: string; covers: string } | null
}

/** `text` is a byte string. Throws NARINFO_INVALID with the line. */
export function parseNarinfo(text: string): Narinfo {
  const single = new Map<string, string>()
  const urls: { url: string; compression: string; fileSize: number | null }[] = []
  let signature: Narinfo['signature'] = null
  let offset = 0
  for (const [index, line] of text.split('\n').entries()) {
    const start = offset
    offset += line.length + 1
    if (line === '') continue
    const match = /^([A-Za-z]+): ?(.*)$/.exec(line)
    const [, field = '', value = ''] = match ?? []
    if (!match) throw invalid(index + 1, 'expected FIELD: VALUE')
    const last = urls.at(-1)
    if (field === 'URL') urls.push({ url: value, compression: 'bzip2', fileSize: null })
    else if (field === 'Compression' && last) last.compression = value
    else if (field === 'FileSize' && last) last.fileSize = parseSize(value, index + 1)
    else if (field === 'Signature') signature = { text: value, covers: text.slice(0, start) }
    else if (single.has(field)) throw invalid(index + 1, `${field} comes twice`)
    else single.set(field, value)
  }
  const need = (field: string) => {
    const value = single.get(field)
    if (value === undefined) throw invalid(1, `${field} is missing`)
    return value
  }
  if (urls.length === 0) throw invalid(1, 'URL is missing')
  return {
    storePath: need('StorePath'),
    urls,
    narHash: need('NarHash'),
    narSize: parseSize(need('NarSize'), 1),
    references: (single.get('References') ?? '').split(' ').filter((name) => name !== ''),
    deriver: single.get('Deriver') || null,
    system: single.get('System') || null,
    signature,
  }
}

/** The text of `narinfo`, its signature line last if it has one. */
export function formatNarinfo(narinfo: Narinfo): string {
  const lines = [
    `StorePath: ${narinfo.storePath}`,
    ...narinfo.urls.flatMap(({ url, compression, fileSize }) => [
      `URL: ${url}`,
      `Compression: ${compression}`,
      ...(fileSize === null ? [] : [`FileSize: ${fileSize}`]),
    ]),
    `NarHash: ${narinfo.narHash}`,
    `NarSize: ${narinfo.narSize}`,
    `References: ${narinfo.references.join(' ')}`,
    ...(narinfo.system === null ? [] : [`System: ${narinfo.system}`]),
    ...(narinfo.deriver === null ? [] : [`Deriver: ${narinfo.deriver}`]),
    ...(narinfo.signature === null ? [] : [`Signature: ${narinfo.signature.text}`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function parseSize(text: string, line: number): number {
  const size = Number(text)
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(size)) throw invalid(line, `"${text}" is no size`)
  return size
}

function invalid(line: number, reason: string): ToolError {
  return new ToolError('NARINFO_INVALID', { line, reason })
}
