// `exportReferencesGraph`: a file in the build directory that says what a path needs.
//
//   graph = { PATH LF DERIVER LF COUNT LF { REFERENCE LF } }       DERIVER is empty
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import { isInStore, storeItemOf } from '@plumbline/common/store/store-path'
import { splitWords } from './environment.ts'

/** File name → path whose closure it describes. Throws STORE_FAILED. */
export function parseReferencesGraph(
  store: string,
  text: string | undefined,
): [name: string, path: string][] {
  const words = splitWords(text)
  if (words.length % 2 !== 0) {
    throw failed(`odd number of tokens in \`exportReferencesGraph': \`${text}'`)
  }
  return Array.from({ length: words.length / 2 }, (_, index) => {
    const [name = '', path = ''] = words.slice(index * 2)
    if (/^\.|[^A-Za-z0-9+\-._?=]/.test(name))
      throw failed(`invalid file name \`${name}' in \`exportReferencesGraph'`)
    const item = storeItemOf(store, path)
    if (item === undefined || !isInStore(store, item))
      throw failed(`\`exportReferencesGraph' contains a non-store path \`${path}'`)
    return [name, item]
  })
}

export function formatReferencesGraph(
  items: readonly { path: string; references: readonly string[] }[],
): string {
  return items
    .map(({ path, references }) => [path, '', String(references.length), ...references, ''].join('\n'))
    .join('')
}

function failed(reason: string): ToolError {
  return new ToolError('STORE_FAILED', { reason })
}
