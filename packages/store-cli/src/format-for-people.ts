// A record as a person wants it on a terminal.
// Pure: no I/O.
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { fieldText, showBytes } from '@plumbline/common/process/byte-text'

export function formatForPeople(record: OutRecord): string {
  const { type, ...fields } = record
  switch (type) {
    case 'path':
      return [fields['path'], fields['valid'] === false ? 'not valid' : '', show(fields, 'root')]
        .filter((part) => part !== '' && part !== null)
        .map(String)
        .join('  ')
    case 'build':
    case 'download':
      return formatStep(type, fields)
    case 'edge':
      return `${String(fields['path'])} -> ${String(fields['reference'])}`
    case 'root':
      return `${show(fields, 'link')} -> ${String(fields['path'])}`
    case 'end':
      return Object.entries(fields['counts'] as Record<string, number>)
        .map(([name, count]) => `${name.replaceAll('_', ' ')}: ${count}`)
        .join(', ')
    default:
      return formatTable(fields)
  }
}

/** A name that need not be UTF-8. */
function show(fields: Readonly<Record<string, unknown>>, name: string): string {
  return showBytes(fieldText(fields, name) ?? '')
}

const steps: Readonly<Record<string, readonly [build: string, download: string]>> = {
  planned: ['to build', 'to download'],
  started: ['building', 'downloading'],
  succeeded: ['built', 'downloaded'],
  failed: ['failed', 'failed'],
}

function formatStep(type: string, { state, path, reason }: Readonly<Record<string, unknown>>): string {
  const word = steps[String(state)]?.[type === 'build' ? 0 : 1] ?? String(state)
  return `${word.padEnd(11)}  ${String(path)}${reason === undefined ? '' : `: ${String(reason)}`}`
}

/** NAME  VALUE, a line each, a line for each item of a list. */
function formatTable(fields: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(fields).map(({ length }) => length))
  return Object.entries(fields)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? '-']).map((item, index) => {
        const shown = typeof item === 'object' ? JSON.stringify(item) : String(item)
        return `${(index === 0 ? name : '').padEnd(width)}  ${shown}`
      }),
    )
    .join('\n')
}
