import { describe, expect, it } from 'vitest'
import { formatFingerprint, judgeHostKey, knownKeyTypes, type HostKeyPolicy } from './host-key.ts'
import { parseKnownHosts } from './known-hosts.ts'

const blob = (type: string, rest = 'x') => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return Buffer.concat([length, Buffer.from(type + rest)])
}
const key = blob('ssh-ed25519')
const line = (rest = 'x', type = 'ssh-ed25519') => `web ${type} ${blob(type, rest).toString('base64')}`
const judge = (text: string, policy: HostKeyPolicy = 'strict') =>
  judgeHostKey(key, parseKnownHosts(text, 'f'), { name: 'web', files: ['f'], policy })

describe('judgeHostKey()', () => {
  it('knows a key among several', () => {
    expect(judge(`${line('other')}\n${line()}`)).toBe('known')
  })

  it.each(['strict', 'accept-new'] as const)('refuses another key of the type: %s', (policy) => {
    expect(() => judge(`# one\n${line('other')}`, policy)).toThrow(/not the one in f, line 2/)
  })

  it.each(['strict', 'accept-new'] as const)(
    'refuses a type that is not known when another is: %s',
    (policy) => {
      expect(() => judge(line('x', 'ssh-rsa'), policy)).toThrow(/not the one in f, line 1/)
    },
  )

  it('refuses a revoked key, also one that is known as well', () => {
    expect(() => judge(`${line()}\n@revoked ${line()}`, 'accept-new')).toThrow(/revoked in f, line 2/)
  })

  it('takes a key that is new only when told so', () => {
    expect(judge('', 'accept-new')).toBe('new')
    expect(() => judge('')).toThrow(formatFingerprint(key))
  })

  it('does not take an authority for a key', () => {
    expect(() => judge(`@cert-authority ${line()}`)).toThrow(/is not in f/)
  })
})

describe('knownKeyTypes()', () => {
  const types = (text: string) => knownKeyTypes(parseKnownHosts(text, 'f'), 'web')

  it('lists types, and says when only an authority is known', () => {
    expect(types(`${line()}\n${line('x', 'ssh-rsa')}`)).toEqual({
      types: ['ssh-ed25519', 'ssh-rsa'],
      onlyAuthority: false,
    })
    expect(types(`@cert-authority ${line()}`)).toEqual({ types: [], onlyAuthority: true })
    expect(types('')).toEqual({ types: [], onlyAuthority: false })
  })
})
