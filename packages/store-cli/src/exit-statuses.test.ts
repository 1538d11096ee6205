import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogue, type ErrorCode } from '@plumbline/common/error/codes'
import { exitStatus } from '@plumbline/common/error/exit'
import { expect, it } from 'vitest'

const packages = fileURLToPath(new URL('../../', import.meta.url))

/** Codes of what is thrown in a file, or in any that it imports. */
function findCodes(file: string, seen = new Set<string>()): Set<string> {
  const codes = new Set<string>()
  if (seen.has(file)) return codes
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, code = ''] of text.matchAll(/ToolError\(\s*'([A-Z_0-9]+)'/g)) codes.add(code)
  for (const [, from, lazy] of text.matchAll(
    /^(?:import|export)(?! type)[^;]*?from '([^']+)'|import\('([^']+)'\)/gm,
  )) {
    const name = from ?? lazy ?? ''
    const common = name.replace(/^@plumbline\/common\//, '')
    const path = common === name ? join(dirname(file), name) : `${packages}common/src/${common}.ts`
    if (existsSync(path)) for (const code of findCodes(path, seen)) codes.add(code)
  }
  return codes
}

it('has every exit status that its code can give in its README, and no other', () => {
  const readme = readFileSync(`${packages}store-cli/README.md`, 'utf8')
  const [, section = ''] = readme.split('## Exit status')
  const listed = new Set(
    [...section.matchAll(/(?:^|·\s+|\n)(\d+) [a-z]/g)].map(([, number]) => Number(number)),
  )
  const codes = findCodes(`${packages}store-cli/src/main.ts`)
  const possible = new Set<number>([exitStatus.ok, exitStatus.someFailed])
  for (const code of codes) possible.add(catalogue()[code as ErrorCode].exit)
  const order = (statuses: Iterable<number>) => [...statuses].sort((a, b) => a - b)
  expect(order([...listed].filter((status) => status < 128))).toEqual(order(possible))
})
