// ECDSA over the curve Ed25519, which is what Guix's keys use: neither EdDSA nor a curve that OpenSSL offers to
// ECDSA. The nonce is RFC 6979's, so a signature is a function of key and hash.
//
// BigInt arithmetic takes no constant time; keys here sign items on the machine that holds them, and nothing
// answers to strangers at once. Points are in extended coordinates (RFC 8032 §5.1.4).
// Pure: no I/O.
import { createHmac } from 'node:crypto'

const p = 2n ** 255n - 19n
const order = 2n ** 252n + 27742317777372353535851937790883648493n
const d = modulo(-121665n * invert(121666n, p), p)

type Point = { x: bigint; y: bigint; z: bigint; t: bigint }
export type EcdsaSignature = { r: bigint; s: bigint }

const identity: Point = { x: 0n, y: 1n, z: 1n, t: 0n }
const base = fromAffine(
  15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  46316835694926478169428394003475163141307993866256225615783033603165251855960n,
)

export function signEcdsa(hash: Buffer, secret: bigint): EcdsaSignature {
  const z = truncate(hash)
  for (const k of nonces(secret, z)) {
    const r = modulo(affineX(multiply(base, k)), order)
    const s = modulo(invert(k, order) * (z + r * secret), order)
    if (r !== 0n && s !== 0n) return { r, s }
  }
  throw new RangeError('the nonces have run out')
}

/** `q` is the public point: 04 X Y, 40 Y or Y (compressed, RFC 8032 §5.1.2). */
export function verifyEcdsa(hash: Buffer, q: Buffer, { r, s }: EcdsaSignature): boolean {
  if (r <= 0n || r >= order || s <= 0n || s >= order) return false
  const key = decodePoint(q)
  if (!key) return false
  const w = invert(s, order)
  const point = add(multiply(base, modulo(truncate(hash) * w, order)), multiply(key, modulo(r * w, order)))
  return modulo(affineX(point), order) === r
}

/** The leftmost bits of the hash, as many as the order has: FIPS 186-4 §6.4. */
function truncate(hash: Buffer): bigint {
  const bits = BigInt(hash.length * 8)
  const value = BigInt(`0x${hash.toString('hex')}`)
  return bits > 253n ? value >> (bits - 253n) : value
}

/** RFC 6979 §3.2 with HMAC-SHA256. */
function* nonces(secret: bigint, z: bigint): Generator<bigint> {
  const seed = Buffer.concat([toBytes(secret), toBytes(modulo(z, order))])
  const mac = (key: Buffer, ...parts: Buffer[]) =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest()
  let v: Buffer = Buffer.alloc(32, 1)
  let k: Buffer = Buffer.alloc(32, 0)
  for (const step of [0, 1]) {
    k = mac(k, v, Buffer.from([step]), seed)
    v = mac(k, v)
  }
  for (;;) {
    v = mac(k, v)
    const candidate = truncate(v)
    if (candidate > 0n && candidate < order) yield candidate
    k = mac(k, v, Buffer.alloc(1))
    v = mac(k, v)
  }
}

function decodePoint(bytes: Buffer): Point | undefined {
  if (bytes.length === 65 && bytes[0] === 4) {
    const x = BigInt(`0x${bytes.toString('hex', 1, 33)}`)
    const y = BigInt(`0x${bytes.toString('hex', 33)}`)
    return isOnCurve(x, y) ? fromAffine(x, y) : undefined
  }
  const compressed = bytes.length === 33 && bytes[0] === 0x40 ? bytes.subarray(1) : bytes
  if (compressed.length !== 32) return undefined
  const little = BigInt(`0x${Buffer.from(compressed.toReversed()).toString('hex')}`)
  const y = little & (2n ** 255n - 1n)
  const x = recoverX(y, little >> 255n)
  return x === undefined ? undefined : fromAffine(x, y)
}

function recoverX(y: bigint, sign: bigint): bigint | undefined {
  const square = modulo((y * y - 1n) * invert(modulo(d * y * y + 1n, p), p), p)
  let x = power(square, (p + 3n) / 8n, p)
  if (modulo(x * x - square, p) !== 0n) x = modulo(x * power(2n, (p - 1n) / 4n, p), p)
  if (modulo(x * x - square, p) !== 0n) return undefined
  return (x & 1n) === sign ? x : modulo(-x, p)
}

function isOnCurve(x: bigint, y: bigint): boolean {
  return x < p && y < p && modulo(-x * x + y * y - 1n - d * x * x * y * y, p) === 0n
}

function fromAffine(x: bigint, y: bigint): Point {
  return { x, y, z: 1n, t: modulo(x * y, p) }
}

function affineX({ x, z }: Point): bigint {
  return modulo(x * invert(z, p), p)
}

function add(a: Point, b: Point): Point {
  const e1 = modulo((a.y - a.x) * (b.y - b.x), p)
  const e2 = modulo((a.y + a.x) * (b.y + b.x), p)
  const e3 = modulo(2n * d * a.t * b.t, p)
  const e4 = modulo(2n * a.z * b.z, p)
  const [e, f, g, h] = [e2 - e1, e4 - e3, e4 + e3, e2 + e1]
  return { x: modulo(e * f, p), y: modulo(g * h, p), z: modulo(f * g, p), t: modulo(e * h, p) }
}

function multiply(point: Point, scalar: bigint): Point {
  let result = identity
  let double = point
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, double)
    double = add(double, double)
  }
  return result
}

function power(value: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = modulo(value, modulus)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Both moduli are primes: Fermat. */
function invert(value: bigint, modulus: bigint): bigint {
  return power(modulo(value, modulus), modulus - 2n, modulus)
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
}
