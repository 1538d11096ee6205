// Runs the program in ./dist once with the arguments given, and keeps what V8 compiled on the way.
'use strict'
const { existsSync, readdirSync, writeFileSync } = require('node:fs')
const launch = `${process.cwd()}/dist/launch.cjs`
process.argv[1] = launch
const { load, loaded } = require(launch)
process.on('exit', () => {
  // What no such run needs is loaded all the same, so that there is a cache of the code that it starts with.
  for (const name of readdirSync('dist')) {
    if (/^(?!launch|main).*\.cjs$/.test(name) && !existsSync(`dist/${name}.cache`)) load(name)
  }
  for (const { script, filename } of loaded.values())
    writeFileSync(`${filename}.cache`, script.createCachedData())
})
