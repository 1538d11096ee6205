import { expect, test } from 'vitest'
import { suggestName } from './suggest-name.ts'

const known = ['file.has-content', 'file.has-mode', 'cmd.single']

test.each([
  ['file.has-contents', 'did you mean "file.has-content"?'],
  ['has-mode', undefined],
  ['fil.has-mode', 'did you mean "file.has-mode"?'],
  ['cmd', undefined],
  ['apt.installed', undefined],
  ['', undefined],
])('suggestName(%j)', (name, hint) => expect(suggestName(name, known)).toBe(hint))

test('suggestName() knows short names, prefixes, and that there may be none', () => {
  expect(suggestName('shs', ['ssh', 'sudo'])).toBe('did you mean "ssh"?')
  expect(suggestName('hlep', ['help'], '--')).toBe('did you mean "--help"?')
  expect(suggestName('x', [])).toBeUndefined()
})
