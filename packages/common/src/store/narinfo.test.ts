import { describe, expect, it } from 'vitest'
import { formatNarinfo, formatSignedPart, maxNarinfo, parseNarinfo } from './narinfo.ts'

const covered = `StorePath: /gnu/store/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
NarHash: sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s
NarSize: 128
References: 26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
System: x86_64-linux
Deriver: 0xwwivzlam3w6hjwijjcq5zys5lib29s-hello.drv
`
const urls = `URL: nar/lzip/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
Compression: lzip
FileSize: 100
URL: nar/zstd/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
Compression: zstd
`
const text = `${covered}Signature: 1;example.org;KHNpZ25hdHVyZSk=\n${urls}`

describe('narinfo', () => {
  it('parseNarinfo() inverts formatNarinfo(), and knows what a signature covers', () => {
    const narinfo = parseNarinfo(text)
    expect(narinfo.signature?.covers).toBe(covered)
    expect(formatSignedPart(narinfo)).toBe(covered)
    expect(narinfo.urls.map(({ compression, fileSize }) => [compression, fileSize])).toEqual([
      ['lzip', 100],
      ['zstd', null],
    ])
    expect(formatNarinfo(narinfo)).toBe(text)
    expect(formatNarinfo(parseNarinfo(covered + urls))).toBe(covered + urls)
  })

  it("reads Nix's: the URL first, its hash, and signatures of another kind", () => {
    const nix = `StorePath: /nix/store/26b8xvbkhrfwsi2kbr0yk5symm00w4b7-hello
URL: nar/1w1f.nar.xz
Compression: xz
FileHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
FileSize: 41232
NarHash: sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s
NarSize: 206104
References:
Sig: a:AAAA
Sig: b:BBBB
CA: fixed:r:sha256:x
`
    const { urls, references, signature } = parseNarinfo(nix)
    expect(urls).toMatchObject([{ compression: 'xz', fileHash: expect.stringContaining('1w1fff') }])
    expect([references, signature]).toEqual([[], null])
  })

  it.each([
    ['a line without a colon', `${text}oops\n`, 'line 13: expected FIELD: VALUE'],
    ['a field twice', `NarSize: 3\n${text}`, 'line 4: NarSize comes twice'],
    ['a second signature', `${text}Signature: 1;b;AA==\n`, 'line 13: Signature comes twice'],
    ['what nobody has signed', `${text}Deriver: x.drv\n`.replace(/Deriver: 0.*\n/, ''), 'not covered'],
    ['a size that is none', text.replace('128', '-1'), 'line 3: "-1" is no size'],
    ['a size beyond 2^53', text.replace('128', '9007199254740993'), 'is no size'],
    ['a lack of hash', text.replace(/NarHash.*\n/, ''), 'NarHash is missing'],
    ['a lack of references', text.replace(/References.*\n/, ''), 'References is missing'],
    ['a NUL', text.replace('hello', 'he\0llo'), 'line 1: expected FIELD: VALUE'],
    ['too much', `${text}X: ${'x'.repeat(maxNarinfo)}\n`, 'longer than'],
    ['too many URLs', text + 'URL: x\n'.repeat(20), 'more than 16 URLs'],
  ])('refuses %s', (_, wrong, message) => {
    expect(() => parseNarinfo(wrong)).toThrow(message)
  })
})
