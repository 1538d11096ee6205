// The TypeScript sources of the tree, with what they import.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './prepare.mjs'

function* walk(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory() && !['node_modules', 'dist', '.turbo'].includes(entry.name)) yield* walk(path)
    else if (entry.isFile() && /\.m?ts$/.test(entry.name)) yield path
  }
}

/** path (from the root), text, imports: every file of packages/ and test/. */
export function readSources() {
  return [...walk(join(root, 'packages')), ...walk(join(root, 'test'))].map((path) => {
    const text = readFileSync(path, 'utf8')
    const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    const found = code.matchAll(
      /(?:^|\n)\s*(import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)/g,
    )
    const imports = [...found].map(([, , type, fixed, lazy]) => ({
      name: fixed ?? lazy,
      type: Boolean(type),
    }))
    return { path: path.slice(root.length + 1), text, imports }
  })
}
