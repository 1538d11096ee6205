// Signatures of exported items and narinfo files: who vouches for a hash, with the key as an S-expression.
//
//   (signature
//     (data (flags FLAGS) (hash sha256 #HASH#))       FLAGS: pkcs1 for RSA, rfc6979 for ECC
//     (sig-val (rsa (s #S#)))                         or (ecdsa (r #R#) (s #S#))
//     (public-key (rsa (n #N#) (e #E#))))             or (ecc (curve Ed25519) (q #Q#))
//
// RSA signatures are PKCS #1 v1.5 over the hash (RFC 8017 §8.2).
// Pure: no I/O.
import { constants, createPrivateKey, createPublicKey, privateEncrypt, publicDecrypt } from 'node:crypto'
import { ToolError } from '../error/tool-error.ts'
import { signEcdsa, verifyEcdsa } from './ecdsa-ed25519.ts'
import { findBytes, findList, formatSexp, isList, makeList, parseSexp, type Sexp } from './sexp.ts'

export type Signature = { hash: Buffer; publicKey: Sexp }

/** DigestInfo of a sha256 hash up to the hash itself, RFC 8017 §9.2 note 1. */
const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex')

/** The signature of `hash` with the key pair in `secretKey` and `publicKey`, as libgcrypt lays it out. */
export function signHash(hash: Buffer, secretKey: Sexp, publicKey: Sexp): string {
  const rsa = findList(secretKey, 'rsa')
  const value = rsa ? signRsa(hash, rsa) : signEcc(hash, secretKey)
  const data = makeList(
    'data',
    makeList('flags', rsa ? 'pkcs1' : 'rfc6979'),
    makeList('hash', 'sha256', hash),
  )
  return formatSexp(
    makeList('signature', data, makeList('sig-val', value), findList(publicKey, 'public-key') ?? []),
  )
}

/** What `text` signs, and with which key. Throws SIGNATURE_INVALID when it does not hold; trust is another matter. */
export function verifySignature(text: string): Signature {
  const sexp = parseSexp(text)
  const hash = findList(sexp, 'hash')?.[2]
  const publicKey = findList(sexp, 'public-key')
  const value = findList(sexp, 'sig-val')
  if (!hash || isList(hash) || !publicKey || !value) throw invalid('it lacks a part')
  const holds = findList(publicKey, 'rsa')
    ? verifyRsa(hash, publicKey, value)
    : verifyEcc(hash, publicKey, value)
  if (!holds) throw new ToolError('SIGNATURE_INVALID', { reason: text })
  return { hash, publicKey }
}

function signRsa(hash: Buffer, key: Sexp): Sexp {
  const [n, e, d, p, q] = ['n', 'e', 'd', 'p', 'q'].map((name) => toNumber(part(key, name)))
  if (n === undefined || e === undefined || d === undefined || p === undefined || q === undefined) {
    throw invalid('the key lacks a part')
  }
  const jwk = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: invertModulo(q, p) }
  const text = Object.fromEntries(Object.entries(jwk).map(([name, value]) => [name, toBase64Url(value)]))
  const secret = createPrivateKey({ format: 'jwk', key: { kty: 'RSA', ...text } })
  const padding = constants.RSA_PKCS1_PADDING
  const signed = privateEncrypt({ key: secret, padding }, Buffer.concat([digestInfo, hash]))
  return makeList('rsa', makeList('s', signed))
}

function verifyRsa(hash: Buffer, publicKey: Sexp, value: Sexp): boolean {
  const jwk = {
    kty: 'RSA',
    n: toBase64Url(toNumber(part(publicKey, 'n'))),
    e: toBase64Url(toNumber(part(publicKey, 'e'))),
  }
  try {
    const key = createPublicKey({ format: 'jwk', key: jwk })
    const opened = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, part(value, 's'))
    return opened.equals(Buffer.concat([digestInfo, hash]))
  } catch {
    // OpenSSL throws for padding that does not fit, which is what a wrong signature looks like.
    return false
  }
}

function signEcc(hash: Buffer, secretKey: Sexp): Sexp {
  requireEd25519(secretKey)
  const { r, s } = signEcdsa(hash, toNumber(part(secretKey, 'd')))
  return makeList('ecdsa', makeList('r', toBytes(r)), makeList('s', toBytes(s)))
}

function verifyEcc(hash: Buffer, publicKey: Sexp, value: Sexp): boolean {
  requireEd25519(publicKey)
  const signature = { r: toNumber(part(value, 'r')), s: toNumber(part(value, 's')) }
  return verifyEcdsa(hash, part(publicKey, 'q'), signature)
}

function requireEd25519(key: Sexp): void {
  const curve = findBytes(key, 'curve')?.toString('latin1')
  if (curve !== 'Ed25519') throw invalid(`curve ${curve ?? 'unknown'} is not supported`)
}

function part(sexp: Sexp, name: string): Buffer {
  const bytes = findBytes(sexp, name)
  if (!bytes || bytes.length === 0) throw invalid(`it lacks "${name}"`)
  return bytes
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

/** As few bytes as hold the number. */
function toBytes(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
}

function toBase64Url(value: bigint): string {
  return toBytes(value).toString('base64url')
}

function invertModulo(value: bigint, modulus: bigint): bigint {
  let [r0, r1, x0, x1] = [modulus, value % modulus, 0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1, x0, x1] = [r1, r0 - quotient * r1, x1, x0 - quotient * x1]
  }
  return ((x0 % modulus) + modulus) % modulus
}

function invalid(reason: string): ToolError {
  return new ToolError('SIGNATURE_INVALID', { reason })
}
