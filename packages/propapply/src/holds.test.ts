import * as fs from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holds } from './holds.ts'
import type { Call } from './property.ts'
import { makeFarSides, runCalls } from './shell/far-side.testing.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'propapply-holds-'))
const uid = String(process.getuid?.())
const gid = String(process.getgid?.())

// Every kind of thing that a path may lead to.
beforeAll(() => {
  fs.writeFileSync(join(root, 'file'), 'text\n')
  fs.writeFileSync(join(root, 'other'), 'test\n')
  fs.writeFileSync(join(root, 'nul'), 'te\0xt\n')
  fs.writeFileSync(join(root, 'empty'), '')
  fs.writeFileSync(join(root, 'crlf'), 'text\r\nfüß\r\nmore')
  fs.writeFileSync(join(root, 'latin'), Buffer.from('text\nf\xfc\n', 'latin1'))
  fs.chmodSync(join(root, 'file'), 0o640)
  fs.mkdirSync(join(root, 'directory'), { mode: 0o750 })
  fs.chmodSync(join(root, 'directory'), 0o2750)
  fs.symlinkSync('file', join(root, 'link'))
  fs.symlinkSync('directory', join(root, 'link to directory'))
  fs.symlinkSync('nowhere', join(root, 'broken'))
  fs.symlinkSync('loop', join(root, 'loop'))
})
afterAll(() => fs.rmSync(root, { recursive: true }))

const names = [
  'file',
  'other',
  'nul',
  'empty',
  'crlf',
  'latin',
  'directory',
  'link',
  'link to directory',
  'broken',
  'loop',
  'none',
]
const accesses = [
  ['', '', '', ''],
  ['rw-r-----', '0640', uid, gid],
  ['rwxr-s---', '2750', '', ''],
  ['', '', uid, ''],
  ['', '', '4711', ''],
  ['', '', 'nobody', ''],
  ['', '', userInfo().username, ''],
  ['', '', '', 'no-such-group'],
]

// Of "text\n".
const sha256 = 'b9e68e1bea3e5b19ca6b2f98b73a54b73daafaa250484902e09982e07a12e733'
const cksum = '2921489099'

const calls: Call[] = names.flatMap((name): Call[] => {
  const path = join(root, name)
  return [
    ...accesses.map((access): Call => ['has_content', path, '5', ...access, 'yes', 'text\n']),
    ['has_content', path, '0', '', '', '', '', 'yes', ''],
    ...accesses.map((access): Call => ['uploaded', path, '5', sha256, cksum, ...access, 'yes']),
    ['uploaded', path, '0', sha256, cksum, '', '', '', '', 'yes'],
    ...accesses.map((access): Call => ['directory_exists', path, ...access]),
    ['directory_does_not_exist', path],
    ['does_not_exist', path],
    ['empty_directory_does_not_exist', path],
    ['symlinked', path, 'file'],
    ['symlinked', path, 'nowhere'],
    ['not_symlinked', path],
    ['has_mode', path, 'rw-r-----', '0640'],
    ['has_ownership', path, uid, gid],
    ['has_ownership', path, '4711', ''],
    ['single', '', path, '', '', '', 'true'],
    ['contains_lines', path, 'text'],
    ['contains_lines', path, 'text', 'more'],
    ['contains_lines', path, 'füß'],
    ['lacks_lines', path, 'text'],
    ['lacks_lines', path, 'tex', 'ext'],
  ]
})

test.each(makeFarSides())('what holds, $name finds done', (side) => {
  // With --check, so that each call finds what there was.
  const { steps } = runCalls(side, calls, { mode: { check: true } })
  const wrong = calls.filter((call, index) => holds(call) && steps[index]?.result !== 'ok')
  expect(wrong).toEqual([])
})

test('sees what is certain', () => {
  const seen = calls
    .filter(holds)
    .map(([name, path = '', ...rest]) => [name, path.slice(root.length + 1), ...rest])
  expect(seen.filter(([name]) => name === 'has_content')).toEqual([
    ['has_content', 'file', '5', '', '', '', '', 'yes', 'text\n'],
    ['has_content', 'file', '5', 'rw-r-----', '0640', uid, gid, 'yes', 'text\n'],
    ['has_content', 'file', '5', '', '', uid, '', 'yes', 'text\n'],
    ['has_content', 'file', '5', '', '', userInfo().username, '', 'yes', 'text\n'],
    ['has_content', 'empty', '0', '', '', '', '', 'yes', ''],
    ['has_content', 'link', '5', '', '', '', '', 'yes', 'text\n'],
    ['has_content', 'link', '5', 'rw-r-----', '0640', uid, gid, 'yes', 'text\n'],
    ['has_content', 'link', '5', '', '', uid, '', 'yes', 'text\n'],
    ['has_content', 'link', '5', '', '', userInfo().username, '', 'yes', 'text\n'],
  ])
  const kinds = new Set(seen.map(([name]) => name))
  const functions = new Set(calls.map(([name]) => name))
  expect([...functions].filter((name) => !kinds.has(name))).toEqual([])
})
