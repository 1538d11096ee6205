import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadSite } from './site.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'propapply-site-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

async function load(name: string, text: string, unapply = false) {
  const path = join(directory, name)
  writeFileSync(path, text)
  const { applications, faults } = await loadSite([path], [], unapply)
  return { applications, faults: faults.map((fault) => fault.replace(`${directory}/`, '')) }
}

const one = { property: 'file.has-content', path: '/etc/motd', content: 'hi\n' }

test.each([
  ['a.ndjson', JSON.stringify(one)],
  ['a.json', JSON.stringify(one)],
  ['b.json', JSON.stringify([one])],
  ['c.json', JSON.stringify({ properties: [one] })],
  ['a.yaml', '- property: file.has-content\n  path: /etc/motd\n  content: |\n    hi\n'],
  ['b.yml', 'properties:\n- { property: file.has-content, path: /etc/motd, content: "hi\\n" }\n'],
  ['a.mjs', `export default ${JSON.stringify([one])}`],
  ['b.mjs', `export const properties = ${JSON.stringify([one])}`],
])('loadSite() reads %s', async (name, text) => {
  const { applications, faults } = await load(name, text)
  expect(faults).toEqual([])
  expect(applications).toMatchObject([{ property: 'file.has-content', desc: '/etc/motd has content' }])
  expect(applications[0]?.action.call).toEqual([
    'has_content',
    '/etc/motd',
    '3',
    '',
    '',
    '',
    '',
    'yes',
    'hi\n',
  ])
})

test('loadSite() names every fault with its line, field and what was expected', async () => {
  const lines = [
    '{"property":"file.has-contents","path":"/etc/motd"}',
    '{"property":"file.has-content","path":"etc/motd","content":"x","mode":644,"mod":"1"}',
    '{"property":"file.has-content","path":"/a"}',
    '{"type":"connection","property":"file.symlinked","path":"/a"}',
    '{"property":"cmd.single","command":true,"timeout":5}',
    '{"property":"file.does-not-exist","path":"/"}',
    '{"path":"/a"}',
    '{',
  ]
  expect((await load('bad.ndjson', `${lines.join('\n')}\n`)).faults).toMatchInlineSnapshot(`
    [
      "bad.ndjson, line 1: field "property": there is no "file.has-contents" (did you mean "file.has-content"?)",
      "bad.ndjson, line 2: field "mod": there is no such field (did you mean "mode"?)",
      "bad.ndjson, line 2: field "path": expected an absolute path without "..", found "etc/motd"",
      "bad.ndjson, line 2: field "mode": expected an octal string, found 644 (a mode is a string in octal, such as "0644": JSON and YAML read 0644 as another number or none)",
      "bad.ndjson, line 3: field "content": expected one of "content", "content_base64", "lines" and "data"",
      "bad.ndjson, line 4: field "type": expected "property", found "connection"",
      "bad.ndjson, line 4: field "target": missing, expected a path on one line",
      "bad.ndjson, line 5: field "timeout": expected string, found 5 (a time with its unit, such as "30s")",
      "bad.ndjson, line 5: field "command": expected text for sh, or a list of words, found true",
      "bad.ndjson, line 6: field "path": expected a path below the root directory, found "/"",
      "bad.ndjson, line 7: field "property": missing, expected string",
      "Cannot read bad.ndjson, line 8: not JSON: Expected property name or '}' at column 2",
    ]
  `)
})

test('loadSite() finds lines in YAML and JSON too', async () => {
  const yaml = '- property: file.has-content\n  path: /etc/motd\n  content: hi\n  mode: 0644\n'
  expect((await load('bad.yaml', yaml)).faults).toEqual([
    expect.stringContaining('bad.yaml, line 4: field "mode"'),
  ])
  const json = '[\n{"property":"file.has-content",\n"path":"/a",\n"mode":420,"content":""}]'
  expect((await load('bad.json', json)).faults).toEqual([
    expect.stringContaining('bad.json, line 4: field "mode"'),
  ])
  expect((await load('broken.json', '[\n{]')).faults).toEqual([
    expect.stringContaining('broken.json, line 2'),
  ])
  expect((await load('broken.yaml', 'a: [\n')).faults).toEqual([expect.stringContaining('broken.yaml, line')])
  expect((await load('text.yaml', 'hello')).faults).toEqual([expect.stringContaining('expected a list')])
})

test.each([
  ['a path with ".."', { property: 'file.does-not-exist', path: '/a/../b' }],
  ['a line with a newline', { property: 'file.contains-lines', path: '/a', lines: ['a\nb'] }],
  ['a line that ends in CR', { property: 'file.contains-lines', path: '/a', lines: ['a\r'] }],
  ['a NUL character', { ...one, content: 'a\0' }],
  ['a lone surrogate', { ...one, content: '\ud800' }],
  ['two contents', { ...one, lines: ['x'] }],
  ['bad base64', { ...one, content: undefined, content_base64: '?' }],
  [
    'a key that would not be found again',
    { property: 'file.contains-conf-space', path: '/a', settings: { 'a b': '1' } },
  ],
  ['a key with "="', { property: 'file.contains-conf-equals', path: '/a', settings: { 'a=b': '1' } }],
  ['a commented key', { property: 'file.contains-conf-tab', path: '/a', settings: { '#a': '1' } }],
  [
    'a back-slash escape that POSIX does not know',
    { property: 'file.lacks-lines-matching', path: '/a', patterns: ['\\bx'] },
  ],
  [
    'a replacement with a stray backslash',
    { property: 'file.regex-replaced-lines', path: '/a', pattern: 'x', replacement: '\\n' },
  ],
  [
    'a block with its own marker',
    { property: 'file.contains-block', path: '/a', block: '# END m', marker: 'm' },
  ],
  ['no owner', { property: 'file.has-ownership', path: '/a' }],
  ['an owner with a colon', { property: 'file.has-ownership', path: '/a', owner: 'a:b' }],
  ['an owner that is an option', { property: 'file.has-ownership', path: '/a', owner: '-R' }],
  ['a variable that is none', { property: 'cmd.single', command: 'true', env: { 'A;B': '1' } }],
  ['an upload that is not there', { property: 'file.uploaded', path: '/a', source: 'none' }],
  ['an unknown field of the prototype', { ...one, constructor: 1 }],
])('loadSite() refuses %s', async (_, application) => {
  const { faults } = await load('refused.json', JSON.stringify([application]))
  expect(faults).toHaveLength(1)
})

test('loadSite() refuses to unapply what cannot be, before anything is done', async () => {
  const { faults } = await load(
    'u.json',
    JSON.stringify([one, { ...one, property: 'file.exists-with-content' }]),
    true,
  )
  expect(faults).toEqual(['u.json, line 1: field "property": file.has-content cannot be unapplied'])
})

test('loadSite() finds uploads beside the site file', async () => {
  writeFileSync(join(directory, 'source'), 'data')
  const site = JSON.stringify({ property: 'file.uploaded', path: '/x', source: 'source' })
  const { applications } = await load('up.ndjson', site)
  expect(applications[0]?.action.call).toEqual(['has_content', '/x', '4', '', '', '', '', 'yes', 'data'])
})

const inline = async (text: string) => {
  const { applications, faults } = await loadSite([], [text], false)
  return applications[0]?.action.call ?? faults
}

test('a property on the command line has words as in sh, and values as the fields want them', async () => {
  expect(await inline(`file.contains-lines path=/a lines='["x","y z"]'`)).toEqual([
    'contains_lines',
    '/a',
    'x',
    'y z',
  ])
  expect(await inline('file.contains-lines path=/a lines="one line"')).toEqual([
    'contains_lines',
    '/a',
    'one line',
  ])
  expect(await inline(`file.has-content path=/a\\ b content='[1]' mode=0644`)).toEqual([
    'has_content',
    '/a b',
    '3',
    'rw-r--r--',
    '0644',
    '',
    '',
    '',
    '[1]',
  ])
  expect((await inline('cmd.single command=["ls","-l"] changed_if=false')).slice(5)).toEqual([
    'false',
    'exec ls -l',
  ])
  expect((await inline('cmd.single command=true')).at(-1)).toBe('exec /bin/sh -c true')
  expect(await inline('file.has-content path')).toEqual([expect.stringContaining('expected FIELD=VALUE')])
  expect(await inline('file.has-content path="/a')).toEqual([expect.stringContaining('is not closed')])
})
