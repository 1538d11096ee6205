// Where the file of a download derivation may be had, in the order to try.
//
//   url                         a string, or a list of strings; mirror://NAME/REST stands for REST at each of NAME's
//   mirrors                     ((NAME "URL" …) …)
//   content-addressed-mirrors   a program that gives a list of procedures: file, algorithm, hash → URL
//
// All are Scheme, as Guix writes them.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import { isList, isName, parseScheme, type Datum } from './scheme-reader.ts'
import { runProgram, type Procedure, type Value } from './scheme-program.ts'

export type DownloadRequest = {
  /** Texts of the derivation and of the files that it names, byte strings. */
  url: string
  mirrors: string | null
  contentAddressedMirrors: string | null
  /** Name of the file, and the hash of its contents: "sha256", hex. */
  name: string
  algorithm: string
  hash: string
}

const maxUrls = 200

/** Also says what it could not make use of. Throws SCHEME_INVALID when there is no URL at all. */
export function planDownload(request: DownloadRequest): { urls: URL[]; notes: string[] } {
  const notes: string[] = []
  const attempt = (what: string, make: () => string[]): string[] => {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      notes.push(`ignoring the ${what}: ${error.message}`)
      return []
    }
  }
  const given = readUrls(request.url)
  const mirrors = new Map<string, string[]>()
  attempt('mirrors', () => {
    for (const [name, urls] of readMirrors(request.mirrors ?? '()')) mirrors.set(name, urls)
    return []
  })
  const expanded = given.flatMap((url) => expandMirror(url, mirrors))
  const addressed = attempt('content-addressed mirrors', () => readContentAddressed(request))
  const texts = [...new Set([...expanded, ...addressed])].slice(0, maxUrls)
  const urls = texts.flatMap((text) => {
    const isSupported = URL.canParse(text) && /^(https?|file):$/.test(new URL(text).protocol)
    if (!isSupported) notes.push(`cannot download from ${text}`)
    return isSupported ? [new URL(text)] : []
  })
  return { urls, notes }
}

/** As Guix has it, a Scheme string or list of strings; the bare URL as well. */
function readUrls(text: string): string[] {
  if (/^[a-z]+:\/\/[^\s"()]+$/.test(text)) return [text]
  const [datum] = parseScheme(text)
  const urls = (isList(datum) ? datum : [datum]).filter((each) => typeof each === 'string')
  if (urls.length === 0) throw new ToolError('SCHEME_INVALID', { reason: 'there is no URL' })
  return urls
}

function readMirrors(text: string): [name: string, urls: string[]][] {
  const [list] = parseScheme(text)
  if (!isList(list)) throw new ToolError('SCHEME_INVALID', { reason: 'a list is expected' })
  return list.flatMap((entry): [string, string[]][] => {
    const [name, ...urls] = isList(entry) ? entry : []
    return isName(name) ? [[name.name, urls.filter((url: Datum) => typeof url === 'string')]] : []
  })
}

function expandMirror(url: string, mirrors: ReadonlyMap<string, readonly string[]>): string[] {
  const [, name, rest = ''] = /^mirror:\/\/([^/]+)\/(.*)$/.exec(url) ?? []
  if (name === undefined) return [url]
  return (mirrors.get(name) ?? []).map((base) => `${base.replace(/\/$/, '')}/${rest}`)
}

function readContentAddressed({ contentAddressedMirrors, name, algorithm, hash }: DownloadRequest): string[] {
  if (contentAddressedMirrors === null || hash === '') return []
  const procedures = runProgram(parseScheme(contentAddressedMirrors))
  if (!Array.isArray(procedures)) throw new ToolError('SCHEME_INVALID', { reason: 'a list is expected' })
  const values: Value[] = [name, { name: algorithm }, Buffer.from(hash, 'hex')]
  return (procedures as Value[]).flatMap((procedure) => {
    const url = typeof procedure === 'function' ? (procedure as Procedure)(values) : undefined
    return typeof url === 'string' ? [url] : []
  })
}
