// The shell functions that properties are made of, and the choice of those that a site uses.
// Pure: no I/O.
import access from './access.sh?raw'
import attributes from './attributes.sh?raw'
import block from './block.sh?raw'
import command from './command.sh?raw'
import conf from './conf.sh?raw'
import content from './content.sh?raw'
import copy from './copy.sh?raw'
import directory from './directory.sh?raw'
import edit from './edit.sh?raw'
import foresee from './foresee.sh?raw'
import ini from './ini.sh?raw'
import lines from './lines.sh?raw'
import matching from './matching.sh?raw'
import newFiles from './new-files.sh?raw'
import replace from './replace.sh?raw'
import report from './report.sh?raw'
import symlink from './symlink.sh?raw'
import together from './together.sh?raw'
import upload from './upload.sh?raw'

const sources = [
  report,
  together,
  foresee,
  access,
  replace,
  content,
  newFiles,
  edit,
  lines,
  matching,
  conf,
  ini,
  block,
  directory,
  symlink,
  attributes,
  copy,
  upload,
  command,
]

type Library = ReadonlyMap<string, { text: string; order: number }>
let library: Library | undefined

/** The text of the functions named and of all that they call, in the order of the library. */
export function selectFunctions(names: Iterable<string>): string {
  library ??= parseLibrary()
  const chosen = new Map<string, { text: string; order: number }>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const found = library.get(name)
    if (!found || chosen.has(name)) continue
    chosen.set(name, found)
    waiting.push(...(found.text.match(/[a-z_]+/g) ?? []))
  }
  return [...chosen.values()]
    .sort((a, b) => a.order - b.order)
    .map(({ text }) => text)
    .join('\n')
}

/** A function is `NAME() {` or `NAME() (` in the first column, to the closing bracket there; comments stay here. */
function parseLibrary(): Library {
  const found = new Map<string, { text: string; order: number }>()
  for (const source of sources) {
    const code = source.replaceAll(/^ *#.*\n/gm, '')
    for (const [text, name = ''] of code.matchAll(/^([a-z_]+)\(\) [{(]\n.*?^[})].*?$/gms)) {
      found.set(name, { text, order: found.size })
    }
  }
  return found
}
