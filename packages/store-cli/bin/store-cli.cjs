#!/usr/bin/env node
'use strict'
// Committed, because npm links a program when it installs, before anything is built.
const { existsSync } = require('node:fs')
const launch = `${__dirname}/../dist/launch.cjs`
if (existsSync(launch)) {
  require(launch)
} else {
  process.stderr.write("store-cli: Cannot start: not built yet; run 'npm run build' in the source tree\n")
  process.exitCode = 78
}
