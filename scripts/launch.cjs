// Runs main.cjs, and the chunks it asks for, from source text plus V8's code cache. A cache made by another
// version of V8 is refused by V8 itself and the text is compiled as usual. Started as `node launch.cjs --part NAME`
// it runs main() of NAME.cjs: another program of the package, which need not read the first.
'use strict'
const { readFileSync } = require('node:fs')
const { Script } = require('node:vm')

const loaded = new Map()

// Code in a vm.Script has no import() of its own.
const importModule = (specifier) => import(specifier)

function load(name) {
  const known = loaded.get(name)
  if (known) return known.module.exports
  const filename = `${__dirname}/${name}`
  // The bundles are ASCII (esbuild's charset option), which latin1 reads without decoding.
  const source = readFileSync(filename, 'latin1')
  let cachedData
  try {
    cachedData = readFileSync(`${filename}.cache`)
  } catch {
    // Not made yet.
  }
  const script = new Script(
    `(function(exports,require,module,__filename,__dirname,importModule){${source}\n})`,
    {
      filename,
      cachedData,
    },
  )
  const module = { exports: {} }
  loaded.set(name, { script, module, filename })
  const chunkRequire = (id) => (id.startsWith('./') ? load(id.slice(2)) : require(id))
  script.runInThisContext()(module.exports, chunkRequire, module, filename, __dirname, importModule)
  return module.exports
}

const [, program, option, part, ...rest] = process.argv
if (program === __filename && option === '--part') load(`${part}.cjs`).main(...rest)
else load('main.cjs')
module.exports = { load, loaded }
