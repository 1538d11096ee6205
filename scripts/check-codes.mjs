// Every error code of the catalogue is thrown somewhere, and every code thrown is in it.
import { readSources } from './sources.mjs'

const sources = readSources()
const catalogue = sources.find(({ path }) => path === 'packages/common/src/error/codes.ts')
const known = new Set(
  [...(catalogue?.text ?? '').matchAll(/^ {4}([A-Z][A-Z0-9_]+): say/gm)].map(([, code]) => code),
)
const others = sources.filter(({ path }) => path !== catalogue?.path && !path.endsWith('.test.ts'))
const text = others.map((source) => source.text).join('\n')
let broken = 0
for (const code of known) {
  if (new RegExp(`'${code}'`).test(text)) continue
  console.error(`error code ${code} is thrown nowhere`)
  broken++
}
for (const [, code] of text.matchAll(/new ToolError\(\s*'([A-Z0-9_]+)'/g)) {
  if (known.has(code)) continue
  console.error(`error code ${code} is not in the catalogue`)
  broken++
}
process.exitCode = broken > 0 ? 1 : 0
