// The shape of a file: at most 250 lines, a first line that says what lives here, no process of its own.
import { readSources } from './sources.mjs'

const longest = 250
// daemonize's site server is a program of its own, and this its runner; so is connect's agent.
const ownsProcess =
  /^packages\/(common\/src\/cli\/(run-tool|controlling-terminal)|[a-z-]+\/src\/main|daemonize\/src\/sites\/host|connect\/src\/agent\/(main|loader))\.ts$/
let broken = 0

for (const { path, text } of readSources()) {
  const lines = text.split('\n').length - 1
  const isTest = /\.test\.ts$|^test\/|\.mts$/.test(path)
  const report = (says) => {
    console.error(`${path}: ${says}`)
    broken++
  }
  if (lines > longest && !isTest) report(`${lines} lines; a file has ${longest} at most`)
  if (!/^(#!.*\n)?(\/\/ |\/\*\*)/.test(text) && !isTest) report('its first line does not say what lives here')
  if (/process\.(exit\(|argv|exitCode|on\()/.test(text) && !isTest && !ownsProcess.test(path)) {
    report('only main.ts and the runner own the process')
  }
  if (/\b(utils|helpers|types|index)\.ts$/.test(path)) report('a file is named for what it is')
}
process.exitCode = broken > 0 ? 1 : 0
