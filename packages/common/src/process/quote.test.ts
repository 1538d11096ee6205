import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoteCommand, quoteWord } from './quote.ts'

const shells: readonly string[] = ['dash', 'bash --posix', 'bash', 'busybox sh']

function run(shell: string, script: string) {
  const [command = '', ...options] = shell.split(' ')
  return spawnSync(command, [...options, '-c', script], {
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    // bash takes a socket on standard input for rshd, and reads .bashrc.
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** What a shell makes of the text: the words, each ended by a NUL. */
function wordsOf(shell: string, text: string): string[] {
  const script = `printf '%s\\0' ${text}`
  const { stdout, stderr, status } = run(shell, script)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout.split('\0').slice(0, -1)
}

const word = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}~#&|;<>()=%^ \t\n\r-a/') }),
    fc.string({ unit: 'binary' }),
  )
  .filter((text) => !/[\0\p{Surrogate}]/u.test(text))

describe.each(shells)('%s', (shell) => {
  test('reads back the words that quoteCommand() wrote', () => {
    const words = fc.sample(fc.array(word, { minLength: 1, maxLength: 20 }), 20).flat()
    expect(wordsOf(shell, quoteCommand(words))).toEqual(words)
  })

  test('runs no word as anything else', () => {
    for (const name of ['a=b', '~', '-n', '*', '{a,b}', '!!', '#x', '$(false)']) {
      const { stderr, status } = run(shell, `: ; ${quoteWord(name)}`)
      expect({ status, stderr }).toEqual({
        status: 127,
        stderr: expect.stringContaining(`${name}: `) as string,
      })
      expect(stderr).toContain('not found')
    }
  })
})

test('quoteWord() leaves plain words as they are, and refuses NUL', () => {
  expect(quoteCommand(['ls', '-l', '/a/b.c', 'x@y:z,1+2%'])).toBe('ls -l /a/b.c x@y:z,1+2%')
  expect(quoteCommand(["it's", '', 'a b', 'A=b'])).toBe(`'it'\\''s' '' 'a b' 'A=b'`)
  expect(() => quoteWord('a\0b')).toThrow('cannot hold a NUL byte')
})
