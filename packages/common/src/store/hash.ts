// The hashes that store paths and derivations may name.
// Pure: no I/O.
import { createHash, hash, type Hash } from 'node:crypto'
import { ToolError } from '../error/tool-error.ts'
import { formatBase32, parseBase32 } from './base32.ts'

/** Name in the store's formats → size in bytes and name in OpenSSL. */
const algorithms = {
  md5: { size: 16, openssl: 'md5' },
  sha1: { size: 20, openssl: 'sha1' },
  sha256: { size: 32, openssl: 'sha256' },
  sha512: { size: 64, openssl: 'sha512' },
  'sha3-256': { size: 32, openssl: 'sha3-256' },
  'sha3-512': { size: 64, openssl: 'sha3-512' },
  'blake2s-256': { size: 32, openssl: 'blake2s256' },
} as const

export type HashAlgorithm = keyof typeof algorithms

export const hashAlgorithms = Object.keys(algorithms) as HashAlgorithm[]

export function isHashAlgorithm(name: string): name is HashAlgorithm {
  return Object.hasOwn(algorithms, name)
}

/** A hash in progress. */
export function startHash(algorithm: HashAlgorithm): Hash {
  return createHash(algorithms[algorithm].openssl)
}

/** Digest of bytes, or of a byte string. */
export function digest(algorithm: HashAlgorithm, data: Uint8Array | string): Buffer {
  return hash(algorithms[algorithm].openssl, toBytes(data), 'buffer')
}

/** Digest as lower-case hex. */
export function hexDigest(algorithm: HashAlgorithm, data: Uint8Array | string): string {
  return hash(algorithms[algorithm].openssl, toBytes(data), 'hex')
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data
}

/** XOR-folds `bytes` to `size` bytes. */
export function foldHash(bytes: Uint8Array, size: number): Buffer {
  const folded = Buffer.alloc(size)
  for (let index = 0; index < bytes.length; index++)
    folded[index % size] = (folded[index % size] ?? 0) ^ (bytes[index] ?? 0)
  return folded
}

/** A hash written in hex or nix-base32, told apart by length. Throws HASH_INVALID. */
export function parseHash(algorithm: HashAlgorithm, text: string): Buffer {
  const { size } = algorithms[algorithm]
  if (text.length === size * 2 && /^[0-9a-fA-F]+$/.test(text)) return Buffer.from(text, 'hex')
  if (text.length === Math.ceil((size * 8) / 5)) return parseBase32(text)
  throw new ToolError('HASH_INVALID', { text })
}

/** A hash in hex, as derivations hold it. Throws HASH_INVALID. */
export function parseHexHash(algorithm: HashAlgorithm, text: string): Buffer {
  if (text.length !== algorithms[algorithm].size * 2 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new ToolError('HASH_INVALID', { text })
  }
  return Buffer.from(text, 'hex')
}

/** `sha256:BASE32`, as records and narinfo files show hashes. */
export function formatHash(algorithm: HashAlgorithm, bytes: Uint8Array): string {
  return `${algorithm}:${formatBase32(bytes)}`
}
