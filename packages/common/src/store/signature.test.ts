import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { signEcdsa, verifyEcdsa } from './ecdsa-ed25519.ts'
import { digest } from './hash.ts'
import { formatSexp, makeList, parseSexp } from './sexp.ts'
import { signHash, verifySignature } from './signature.ts'
import { signatures } from './vectors/signatures.json' with { type: 'json' }

const hash = digest('sha256', 'hello')

describe('signatures', () => {
  it.each(signatures)('$key: holds, and is laid out as libgcrypt does', ({ text }) => {
    expect(formatSexp(parseSexp(text)).trimEnd()).toBe(text.trimEnd())
    const hex = /sha256 #([0-9A-F]+)#/.exec(text)?.[1]?.toLowerCase()
    expect(verifySignature(text).hash.toString('hex')).toBe(hex)
  })

  it.each(signatures)('$key: one digit of the hash or of the value changed', ({ text }) => {
    for (const at of [text.indexOf('sha256 #') + 9, text.indexOf('(s #') + 6]) {
      const digit = text[at] === 'A' ? 'B' : 'A'
      expect(() => verifySignature(text.slice(0, at) + digit + text.slice(at + 1))).toThrow(
        'invalid signature',
      )
    }
  })

  it('signHash() with an RSA key', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const jwk = privateKey.export({ format: 'jwk' })
    const part = (name: 'n' | 'e' | 'd' | 'p' | 'q') =>
      makeList(name, Buffer.from(jwk[name] ?? '', 'base64url'))
    const secret = makeList(
      'private-key',
      makeList('rsa', part('n'), part('e'), part('d'), part('p'), part('q')),
    )
    const known = makeList('public-key', makeList('rsa', part('n'), part('e')))
    const signed = verifySignature(signHash(hash, secret, known))
    expect(signed.hash).toEqual(hash)
    expect(signed.publicKey).toEqual(known)
  })

  it('signEcdsa() and verifyEcdsa() over Ed25519', () => {
    const secret = 0x1234567890abcdefn
    const signature = signEcdsa(hash, secret)
    const q = publicPoint(secret)
    expect(verifyEcdsa(hash, q, signature)).toBe(true)
    expect(verifyEcdsa(digest('sha256', 'other'), q, signature)).toBe(false)
    expect(verifyEcdsa(hash, q, { r: signature.s, s: signature.r })).toBe(false)
    expect(signEcdsa(hash, secret)).toEqual(signature)
  })

  it.each(['', '(', ')', '(a', '(a))', '(a #0#)', '(a) b', '(a "b)', `${'('.repeat(1000)}`])(
    'parseSexp() refuses %j',
    (text) => {
      expect(() => parseSexp(text)).toThrow('invalid S-expression')
    },
  )
})

/** Base point × secret by repeated doubling in affine coordinates: slow, and independent of the code under test. */
function publicPoint(secret: bigint): Buffer {
  const p = 2n ** 255n - 19n
  const mod = (value: bigint) => ((value % p) + p) % p
  const power = (value: bigint, exponent: bigint): bigint =>
    exponent === 0n ? 1n : mod(power(mod(value * value), exponent >> 1n) * (exponent & 1n ? value : 1n))
  const invert = (value: bigint) => power(mod(value), p - 2n)
  const d = mod(-121665n * invert(121666n))
  type Affine = readonly [bigint, bigint]
  const add = ([x1, y1]: Affine, [x2, y2]: Affine): Affine => {
    const product = mod(d * mod(x1 * x2) * mod(y1 * y2))
    return [mod((x1 * y2 + x2 * y1) * invert(1n + product)), mod((y1 * y2 + x1 * x2) * invert(1n - product))]
  }
  const y = mod(4n * invert(5n))
  const x = 15112221349535400772501151409588531511454012693041857206046113283949847762202n
  let [result, double]: [Affine, Affine] = [
    [0n, 1n],
    [x, y],
  ]
  for (let left = secret; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, double)
    double = add(double, double)
  }
  const hex = (value: bigint) => value.toString(16).padStart(64, '0')
  return Buffer.from(`04${hex(result[0])}${hex(result[1])}`, 'hex')
}
