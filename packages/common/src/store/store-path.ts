// Store paths: STORE "/" HASH "-" NAME, HASH = 32 digits of nix-base32 over a hash folded to 20 bytes.
//
//   make(type, h, name) = STORE "/" base32(fold20(sha256(type ":sha256:" hex(h) ":" STORE ":" name))) "-" name
//
// STORE is part of the hash, without a slash at its end. All strings are byte strings.
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'
import { formatBase32, isBase32 } from './base32.ts'
import { digest, foldHash, hexDigest, type HashAlgorithm } from './hash.ts'

export const hashPartLength = 32
/** Longest name of a store item, so that with its hash and ".lock" it fits a file name. */
const maxNameLength = 211
const badCharacter = /[^A-Za-z0-9+\-._?=]/

/** The path of an item of `type` ("source", "text:…", "output:out" …) with inner hash `hash` (hex sha256). */
function makeStorePath(store: string, type: string, hash: string, name: string): string {
  checkStoreName(name)
  const outer = digest('sha256', `${type}:sha256:${hash}:${store}:${name}`)
  return `${store}/${formatBase32(foldHash(outer, 20))}-${name}`
}

/** Path of a text (and so of every .drv file) with its references; `hash` is the hex sha256 of its contents. */
export function makeTextPath(
  store: string,
  name: string,
  hash: string,
  references: readonly string[],
): string {
  const type = ['text', ...[...references].sort()].join(':')
  return makeStorePath(store, type, hash, name)
}

export type ContentHash = { algorithm: HashAlgorithm; recursive: boolean; hash: Uint8Array }

/** Path of contents known beforehand: add-to-store, and fixed outputs. `hash` is of the nar when recursive. */
export function makeFixedOutputPath(store: string, name: string, content: ContentHash): string {
  const { algorithm, recursive, hash } = content
  const hex = Buffer.from(hash).toString('hex')
  if (recursive && algorithm === 'sha256') return makeStorePath(store, 'source', hex, name)
  const inner = hexDigest('sha256', `fixed:out:${recursive ? 'r:' : ''}${algorithm}:${hex}:`)
  return makeStorePath(store, 'output:out', inner, name)
}

/** Path of output `output` of a derivation called `name` (without .drv); `hash` is its hash modulo, in hex. */
export function makeOutputPath(store: string, output: string, hash: string, name: string): string {
  return makeStorePath(store, `output:${output}`, hash, output === 'out' ? name : `${name}-${output}`)
}

/** Throws STORE_NAME_INVALID unless `name` may name an item. The empty name is accepted, as guix-daemon does. */
export function checkStoreName(name: string): void {
  if (isStoreName(name)) return
  const [character] = badCharacter.exec(name) ?? []
  if (name.startsWith('.') || character === undefined) throw new ToolError('STORE_NAME_INVALID', { name })
  throw new ToolError('STORE_NAME_CHARACTER', { name, character })
}

function isStoreName(name: string): boolean {
  return !name.startsWith('.') && name.length <= maxNameLength && !badCharacter.test(name)
}

/** Whether `path` is directly in `store`: textually, as guix-daemon checks its arguments, but `.` and `..` are not. */
export function isInStore(store: string, path: string): boolean {
  const start = store.length + 1
  return (
    path.length > start &&
    path.charCodeAt(store.length) === 0x2f &&
    path.startsWith(store) &&
    !path.includes('/', start) &&
    !isDots(path, start)
  )
}

/** Whether nothing but `.` or `..` is left. */
function isDots(path: string, start: number): boolean {
  return (
    path.length <= start + 2 && path.charCodeAt(start) === 0x2e && path.charCodeAt(path.length - 1) === 0x2e
  )
}

/** Whether `path` is a well-formed store path: 32 digits, a dash, a valid name. */
export function isStorePath(store: string, path: string): boolean {
  if (!isInStore(store, path)) return false
  const base = path.slice(store.length + 1)
  return (
    base.charAt(hashPartLength) === '-' &&
    isBase32(base.slice(0, hashPartLength)) &&
    isStoreName(base.slice(hashPartLength + 1))
  )
}

/** The item that `path`, a file in the store at any depth, belongs to; undefined outside the store. */
export function storeItemOf(store: string, path: string): string | undefined {
  if (!path.startsWith(`${store}/`) || path.length === store.length + 1) return undefined
  const end = path.indexOf('/', store.length + 1)
  const item = end < 0 ? path : path.slice(0, end)
  return item.length > store.length + 1 ? item : undefined
}

/** The 32 digits of a store path. */
export function hashPart(store: string, path: string): string {
  return path.slice(store.length + 1, store.length + 1 + hashPartLength)
}

/** HASH-NAME of a store path. */
export function storeBaseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** NAME of a store path. */
export function storeName(path: string): string {
  return storeBaseName(path).slice(hashPartLength + 1)
}
