import { describe, expect, it } from 'vitest'
import { formatHostName, formatKnownHost, keyTypeOf, parseKnownHosts } from './known-hosts.ts'

/** A key blob of that type. */
const blob = (type: string, rest = 'x') => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return Buffer.concat([length, Buffer.from(type + rest)])
}
const key = blob('ssh-ed25519').toString('base64')
const parse = (text: string) => parseKnownHosts(text, 'f')

describe('parseKnownHosts()', () => {
  it('skips blank lines, comments and what it cannot read, and keeps line numbers', () => {
    const entries = parse(`# c\n\nbroken\n@unknown a ssh-ed25519 ${key}\na ssh-ed25519 ${key} comment\r\n`)
    expect(entries).toMatchObject([{ line: 5, file: 'f', keyType: 'ssh-ed25519', marker: undefined }])
    expect(entries[0]?.key.equals(blob('ssh-ed25519'))).toBe(true)
  })

  it.each([
    ['web', 'web', true],
    ['WEB', 'web', true],
    ['web', 'web2', false],
    ['web.example', 'webxexample', false],
    ['*.example', 'a.example', true],
    ['w?b', 'web', true],
    ['*,!web', 'web', false],
    ['!web', 'db', false],
    ['[web]:2222', '[web]:2222', true],
    ['web', '[web]:2222', false],
  ])('%s matches %s: %s', (hosts, name, expected) => {
    expect(parse(`${hosts} ssh-ed25519 ${key}`)[0]?.matches(name)).toBe(expected)
  })

  it('knows the two markers', () => {
    const markers = parse(`@revoked * ssh-ed25519 ${key}\n@cert-authority * ssh-ed25519 ${key}`)
    expect(markers.map(({ marker }) => marker)).toEqual(['revoked', 'cert-authority'])
  })
})

describe('formatKnownHost()', () => {
  it.each([true, false])('is read back, hashed: %s', (hashed) => {
    const line = formatKnownHost('[web]:2222', blob('ssh-rsa'), hashed)
    const [entry] = parse(line)
    expect([entry?.keyType, entry?.matches('[web]:2222'), entry?.matches('web')]).toEqual([
      'ssh-rsa',
      true,
      false,
    ])
    expect(line.startsWith('|1|')).toBe(hashed)
  })
})

it('formatHostName() names a port other than 22', () => {
  expect([formatHostName('Web', 22), formatHostName('web', 23)]).toEqual(['web', '[web]:23'])
})

it('keyTypeOf() reads hostile blobs', () => {
  expect([keyTypeOf(Buffer.alloc(0)), keyTypeOf(Buffer.from([255, 255, 255, 255]))]).toEqual(['', ''])
})
