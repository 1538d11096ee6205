// Runs the program in ./dist once with the arguments given, and keeps what V8 compiled on the way.
'use strict'
const { writeFileSync } = require('node:fs')
const launch = `${process.cwd()}/dist/launch.cjs`
process.argv[1] = launch
const loaded = require(launch)
process.on('exit', () => {
  for (const { script, filename } of loaded.values())
    writeFileSync(`${filename}.cache`, script.createCachedData())
})
