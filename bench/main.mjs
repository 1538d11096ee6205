// `npm run bench [NAME…]`: what Plumbline takes, as ratios to what it is measured beside, in the same run and in turn.
// One record a figure on standard output. NAME: startup, w100, hops, daemonize, store, build, substitute; all of them without one.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buildPrograms, environment, installDependencies } from '../scripts/prepare.mjs'

const benches = ['startup', 'w100', 'hops', 'daemonize', 'store', 'build', 'substitute']
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !benches.includes(name))
if (unknown.length > 0) {
  console.error(`bench: There is no ${unknown.join(', ')}; there are ${benches.join(', ')}`)
  process.exit(64)
}
installDependencies()
buildPrograms()
for (const name of chosen.length > 0 ? chosen : benches) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file], { env: environment, stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
