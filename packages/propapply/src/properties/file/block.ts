// file.contains-block: lines of ours between two marker lines, in a file that is not ours.
import * as v from 'valibot'
import { defineProperty } from '../../property.ts'
import { line, path, text } from '../fields.ts'
import { lineNotes } from './lines.ts'

const place = '{mark}'
const defaultMarker = `# ${place} managed by propapply`

const fields = { path, block: text, marker: v.optional(v.pipe(line, v.minLength(1, 'expected a marker'))) }
type Block = { path: string; block: string; marker?: string | undefined }

/** The lines that begin and end the block. A marker without {mark} is a name. */
function markersOf({ marker = defaultMarker }: Block): [begin: string, end: string] {
  const template = marker.includes(place) ? marker : `# ${place} ${marker}`
  return [template.replaceAll(place, 'BEGIN'), template.replaceAll(place, 'END')]
}

function linesOf(block: string): string[] {
  if (block === '') return []
  return block
    .replace(/\n$/, '')
    .split('\n')
    .map((each) => each.replace(/\r$/, ''))
}

export const containsBlock = defineProperty({
  name: 'file.contains-block',
  summary: 'the file has this block of lines between two marker lines',
  fields,
  check: (given) => {
    const inside = linesOf(given.block).find((each) => markersOf(given).includes(each))
    return inside === undefined ? undefined : { field: 'block', reason: `holds its own marker "${inside}"` }
  },
  describe: (given) => `${given.path} contains block "${markersOf(given)[0]}"`,
  apply: (given) =>
    given.block === ''
      ? { call: ['lacks_block', given.path, ...markersOf(given)] }
      : { call: ['contains_block', given.path, ...markersOf(given), ...linesOf(given.block)] },
  unapply: (given) => ({ call: ['lacks_block', given.path, ...markersOf(given)] }),
  notes: [
    `marker has ${place} where BEGIN and END go, default "${defaultMarker}"; without it, it is a name: ` +
      '"web" gives "# BEGIN web" and "# END web".',
    'The block stays where it is, and is added at the end when it is missing. An empty block removes it, and so ' +
      'does unapplying.',
    ...lineNotes,
  ],
  example: { path: '/etc/hosts', block: '10.0.0.1 db\n10.0.0.2 web\n', marker: 'cluster' },
})
