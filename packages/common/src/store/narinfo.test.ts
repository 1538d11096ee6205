import { describe, expect, it } from 'vitest'
import { formatNarinfo, parseNarinfo } from './narinfo.ts'

const text = `StorePath: /gnu/store/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
URL: nar/lzip/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
Compression: lzip
FileSize: 100
URL: nar/zstd/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
Compression: zstd
NarHash: sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s
NarSize: 128
References: 26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
System: x86_64-linux
Deriver: 0xwwivzlam3w6hjwijjcq5zys5lib29s-hello.drv
`

describe('narinfo', () => {
  it('parseNarinfo() inverts formatNarinfo(), and knows what a signature covers', () => {
    const signed = `${text}Signature: 1;example.org;KHNpZ25hdHVyZSk=\n`
    const narinfo = parseNarinfo(signed)
    expect(narinfo.signature?.covers).toBe(text)
    expect(narinfo.urls.map(({ compression, fileSize }) => [compression, fileSize])).toEqual([
      ['lzip', 100],
      ['zstd', null],
    ])
    expect(formatNarinfo(narinfo)).toBe(signed)
    expect(formatNarinfo(parseNarinfo(text))).toBe(text)
  })

  it.each([
    ['a line without a colon', `${text}oops\n`, 'line 12: expected FIELD: VALUE'],
    ['a field twice', `${text}NarSize: 3\n`, 'line 12: NarSize comes twice'],
    ['a size that is none', text.replace('128', '-1'), '"-1" is no size'],
    ['a lack of hash', text.replace(/NarHash.*\n/, ''), 'NarHash is missing'],
  ])('refuses %s', (_, wrong, message) => {
    expect(() => parseNarinfo(wrong)).toThrow(message)
  })
})
