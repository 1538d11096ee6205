import { describe, expect, it } from 'vitest'
import { parseSettings } from './settings.ts'

const names = { home: '/home/me', localUser: 'me', target: 'web' }
const parse = (...lines: string[]) => parseSettings(lines.join('\n'), names)

describe('parseSettings()', () => {
  it('falls back on the target, port 22 and the local user', () => {
    expect(parse()).toMatchObject({ hostname: 'web', port: 22, user: 'me', hostKeyName: 'web' })
  })

  it('takes what ssh -G prints', () => {
    const settings = parse(
      'hostname 10.0.0.1',
      'port 2222',
      'user ops',
      'hashknownhosts yes',
      'identitiesonly yes',
    )
    expect(settings).toMatchObject({ hostname: '10.0.0.1', port: 2222, user: 'ops' })
    expect(settings).toMatchObject({
      hashKnownHosts: true,
      identitiesOnly: true,
      hostKeyName: '[10.0.0.1]:2222',
    })
  })

  it('searches known_hosts for a HostKeyAlias as it is, whatever the port', () => {
    expect(parse('hostkeyalias farm', 'port 2222').hostKeyName).toBe('farm')
  })

  it('expands ~ and tokens in the names of files', () => {
    const settings = parse(
      'user ops',
      'identityfile ~/.ssh/%r-%h',
      'identityfile none',
      'userknownhostsfile ~/a %d/b',
    )
    expect(settings.identityFiles).toEqual(['/home/me/.ssh/ops-web'])
    expect(settings.knownHostsFiles).toEqual(['/home/me/a', '/home/me/b'])
  })

  it('expands the tokens of a ProxyCommand, and leaves to ssh those that only it knows', () => {
    expect(parse('proxycommand nc %h %p 100%%')).toMatchObject({
      proxyCommand: 'nc web 22 100%',
      needsOpenssh: undefined,
    })
    expect(parse('proxycommand nc %C').needsOpenssh).toContain('token')
  })

  it.each([
    [[], ['publickey', 'password', 'keyboard-interactive']],
    [['pubkeyauthentication false'], ['password', 'keyboard-interactive']],
    [['passwordauthentication no', 'kbdinteractiveauthentication no'], ['publickey']],
    [['preferredauthentications gssapi-with-mic,password,publickey'], ['password', 'publickey']],
    [['preferredauthentications password', 'passwordauthentication no'], []],
  ])('allows with %j: %j', (lines, expected) => {
    expect(parse(...lines).authentications).toEqual(expected)
  })

  it('notices a dead network also where ssh would not', () => {
    expect(parse('serveraliveinterval 0')).toMatchObject({ aliveIntervalMs: 15_000, aliveCount: 3 })
    const given = parse('serveraliveinterval 2', 'serveralivecountmax 1')
    expect(given).toMatchObject({ aliveIntervalMs: 2000, aliveCount: 1 })
  })

  it.each(['certificatefile ~/c', 'pkcs11provider /lib/p.so', 'proxyusefdpass yes'])(
    'needs ssh for %s',
    (line) => {
      expect(parse(line).needsOpenssh).toBeDefined()
      expect(parse(line.replace(/ .*/, ' none')).needsOpenssh).toBeUndefined()
    },
  )
})
