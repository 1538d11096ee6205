// `npm run check`: format, lint, types, and the rules of the tree. Runs all of them and fails if one does.
import { spawnSync } from 'node:child_process'
import { environment, installDependencies, root } from './prepare.mjs'

const checks = [
  ['format', 'prettier', '--check', '--log-level=warn', '.'],
  ['lint', 'oxlint', '--quiet'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['imports', 'node', 'scripts/check-imports.mjs'],
  ['lines', 'node', 'scripts/check-lines.mjs'],
  ['error codes', 'node', 'scripts/check-codes.mjs'],
  ['lock file', 'node', 'scripts/complete-lock.mjs', '--check'],
]

installDependencies()
const failed = checks.filter(([name, command, ...args]) => {
  const { status } = spawnSync(command, args, { cwd: root, env: environment, stdio: 'inherit' })
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`)
  return status !== 0
})
process.exitCode = failed.length > 0 ? 1 : 0
