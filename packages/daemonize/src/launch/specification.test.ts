import { describe, expect, it } from 'vitest'
import { resolveSettings } from '../config/settings.ts'
import { formatSpecification } from './specification.ts'

const settings = (config: Record<string, unknown> = {}) =>
  resolveSettings({ path: '/etc/x.json', config: { name: 'x', command: ['run', 'a b'], ...config } }, {})

const incarnation = {
  id: '0'.repeat(32),
  boot: 'b',
  started: 0,
  cgroup: undefined,
  argv: ['run', 'a b'],
  environment: { A: '1' },
  listen: ['0.0.0.0:80'],
  notify: undefined,
  reach: ['127.0.0.1 80'],
  readyFd: 7,
  foreground: false,
}

describe('formatSpecification()', () => {
  const entries = (config = {}) => formatSpecification(settings(config), incarnation).toString().split('\0')

  it('is entries, ended by an empty one', () => {
    expect(entries().slice(-2)).toEqual(['', ''])
    expect(entries().slice(0, 3)).toEqual(['argument=run', 'argument=a b', 'variable=A=1'])
  })
  it('counts the sockets, and says where the service is to say that it is ready', () => {
    expect(entries()).toContain('sockets=1')
    expect(entries()).toContain('ready_fd=7')
  })
  it('begins the state with the id, by which the keeper knows its own', () => {
    expect(entries().find((entry) => entry.startsWith('state_fields='))).toMatch(
      /^state_fields="id":"0{32}",/,
    )
  })
  it('says where the service is to answer', () => {
    expect(entries()).toContain('reach=127.0.0.1 80')
  })
  it('numbers limits as the kernel does', () => {
    expect(entries({ limits: { nofile: [1, 'unlimited'], rttime: 5 } })).toEqual(
      expect.arrayContaining(['limit=7:1:18446744073709551615', 'limit=15:5:5']),
    )
  })
  it('refuses a NUL byte', () =>
    expect(() => formatSpecification(settings(), { ...incarnation, argv: ['a\0b'] })).toThrow('NUL'))
})
