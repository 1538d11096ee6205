import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openLocal } from '@plumbline/common/connection/open-local'
import { readFiles } from './files.ts'

const folder = mkdtempSync(join(tmpdir(), 'plumbline-files-'))
const { connection } = openLocal(process.env)
afterAll(async () => {
  await connection.close()
  rmSync(folder, { recursive: true })
})

const at = (name: string) => join(folder, name)

it('reads those that are there, byte for byte, whatever they are called', async () => {
  const contents = new Map([
    ['-n', Buffer.from('no newline')],
    ['a b', Buffer.from(Array.from({ length: 256 }, (_, index) => index))],
    ['empty', Buffer.alloc(0)],
    ["it's $(x)", Buffer.from('\n\n3 total\n')],
  ])
  for (const [name, content] of contents) writeFileSync(at(name), content)
  mkdirSync(at('folder'))
  writeFileSync(at('two\nlines'), 'x')
  const paths = ['none', ...contents.keys(), 'folder', 'two\nlines'].map(at)
  const files = await readFiles(connection, paths)
  expect([...files]).toEqual([...contents].map(([name, content]) => [at(name), content]))
})

it.each([[[]], [['none']], [['one']]])('reads %j', async (names) => {
  rmSync(at('one'), { force: true })
  writeFileSync(at('one'), 'one', { mode: 0o400 })
  const files = await readFiles(connection, names.map(at))
  expect([...files.values()].map(String)).toEqual(names.filter((name) => name === 'one'))
})
