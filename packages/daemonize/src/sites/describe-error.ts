// What went wrong in a module, for its author: the error, its place first, and no line of Node's or of ours.
import { pathToFileURL, fileURLToPath } from 'node:url'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'

const parseMs = 5000

/** Of a stack: lines of Node's own modules, and of ours. */
const nodes = /^\s+at (?:async |.*\()?node:/
const ours = /^\s+at .*(?:file:\/\/.*\/dist\/|\/dist\/(?:host|launch)\.cjs)/

export function describeError(error: unknown): string {
  if (error instanceof ToolError) return toToolError(error).message
  if (!(error instanceof Error)) return String(error)
  const lines = (error.stack ?? error.message).split('\n')
  const own = lines.filter((line) => !nodes.test(line) && !ours.test(line))
  const [first = '', ...rest] = own
  // Of an error of syntax the place comes first, with the line itself.
  const at = own.findIndex((line) => /^\w*Error\b/.test(line))
  if (at > 0 && /^\/.*:\d+$/.test(first))
    return [`${own[at]} (${first})`, ...own.slice(1, at)].join('\n').trimEnd()
  const place = rest.map(findPlace).find((each) => each !== undefined)
  return [place === undefined ? first : `${first} (${place})`, ...rest].join('\n')
}

/** Of a stack's line: the file and the line in it. */
function findPlace(line: string): string | undefined {
  const [, place] = /^\s+at (?:.*\()?((?:file:\/\/)?\/[^()]+:\d+):\d+\)?$/.exec(line) ?? []
  return place?.startsWith('file:') ? toPath(place) : place
}

function toPath(place: string): string {
  const [, url = '', line = ''] = /^(.*):(\d+)$/.exec(place) ?? []
  return `${fileURLToPath(url)}:${line}`
}

/** The same for import(). Of an error of syntax in an ES module only Node's own report has the place. */
export function describeLoadError(error: unknown, path: string): string {
  const isSyntax =
    error instanceof SyntaxError && !/^(file:\/\/)?\/|^\s+at .*\/[^)]*:\d/m.test(withoutNode(error.stack))
  return isSyntax ? (reportSyntax(path) ?? describeError(error)) : describeError(error)
}

function withoutNode(stack = ''): string {
  return stack
    .split('\n')
    .filter((line) => !nodes.test(line))
    .join('\n')
}

/** Nothing of it is run: what cannot be parsed is not even linked. */
function reportSyntax(path: string): string | undefined {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const text = `import ${JSON.stringify(pathToFileURL(path).href)}`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: parseMs,
  })
  const [place = '', ...lines] = stderr.split('\n')
  const what = lines.find((line) => /^SyntaxError\b/.test(line))
  if (what === undefined || !/^file:.*:\d+$/.test(place)) return undefined
  return [`${what} (${toPath(place)})`, ...lines.slice(0, 2)].join('\n')
}
