// ansible-core's blockinfile, where file.contains-block means the same.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCall, makeFarSides, runCalls } from '../shell/far-side.testing.ts'
import { decideBlock, isOtherMeaning, type BlockCase } from './decisions.ts'

const cases = readFileSync(new URL('./ansible-blockinfile.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as BlockCase)
  .filter((each) => !isOtherMeaning(each))

test.each(makeFarSides())('blockinfile agrees under $name', async (side) => {
  const directory = mkdtempSync(join(tmpdir(), 'propapply-block-'))
  const paths = cases.map((_, index) => join(directory, String(index)))
  const calls = await Promise.all(
    cases.map(({ args }, index) => {
      const marker = args.marker ?? '# {mark} ANSIBLE MANAGED BLOCK'
      const fields = { path: paths[index], block: args.block, marker }
      return makeCall('file.contains-block', fields, args.state === 'absent')
    }),
  )
  cases.forEach(({ before }, index) => before !== null && writeFileSync(paths[index] ?? '', before))
  runCalls(side, calls)
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null)
  const first = paths.map(read)
  const again = runCalls(side, calls)
  const wrong = cases.flatMap((each, index) => {
    const decision = decideBlock(each)
    const want = decision ? decision.after : each.after
    const same = first[index] === want && again.steps[index]?.result === 'ok'
    return same ? [] : [{ ...each, decision, got: first[index], again: again.steps[index] }]
  })
  rmSync(directory, { recursive: true })
  expect(wrong).toEqual([])
})
