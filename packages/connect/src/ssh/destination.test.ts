import { describe, expect, it } from 'vitest'
import { parseDestination } from './destination.ts'

const parse = (text: string, values: Record<string, string[]> = {}) => parseDestination(text, { values })

describe('parseDestination()', () => {
  it.each([
    ['web', 'web', []],
    ['me@web', 'web', ['-l', 'me']],
    ['me@home.example@web', 'web', ['-l', 'me@home.example']],
    ['web:2222', 'web', ['-p', '2222']],
    ['ssh://me@web:2222', 'web', ['-l', 'me', '-p', '2222']],
    ['ssh://web/', 'web', []],
    ['::1', '::1', []],
    ['[::1]:22', '::1', ['-p', '22']],
    ['me@[fe80::1%eth0]', 'fe80::1%eth0', ['-l', 'me']],
  ])('reads %s', (text, host, sshArguments) => {
    expect(parse(text)).toEqual({ host, sshArguments })
  })

  it.each(['', '-oProxyCommand=x', '-l@web', 'me@-web', 'a b', 'web/path', 'web:port', '[::1'])(
    'refuses %j',
    (text) => {
      expect(() => parse(text)).toThrow(/is no \[USER@\]HOST/)
    },
  )

  it('prefers what the operand says to the options', () => {
    const options = { user: ['you'], port: ['1'], identity: ['a', 'b'], config: ['f'] }
    const rest = ['-F', 'f', '-i', 'a', '-i', 'b']
    expect(parse('me@web:2', options).sshArguments).toEqual([...rest, '-l', 'me', '-p', '2'])
    expect(parse('web', options).sshArguments).toEqual([...rest, '-l', 'you', '-p', '1'])
  })
})
