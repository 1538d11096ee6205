import { describe, expect, it } from 'vitest'
import { toByteString } from './byte-string.ts'
import { digest, hexDigest, startHash, type HashAlgorithm } from './hash.ts'
import { formatNar, parseNar, type NarNode } from './nar/nar-tree.testing.ts'
import {
  checkStoreName,
  isInStore,
  isStorePath,
  makeFixedOutputPath,
  makeTextPath,
  storeItemOf,
} from './store-path.ts'
import texts from './vectors/add-text-to-store.json' with { type: 'json' }
import nars from './vectors/nar.json' with { type: 'json' }

const store = '/gnu/store'

describe('store paths', () => {
  it.each(texts.vectors)('makeTextPath() of $id', (vector) => {
    const contents = Buffer.from(vector.contents_base64, 'base64')
    const hash = hexDigest('sha256', contents)
    expect(makeTextPath(store, vector.name, hash, vector.references_stored)).toBe(vector.path)
    const nar = formatNar({ type: 'file', executable: false, contents })
    expect([nar.length, hexDigest('sha256', nar)]).toEqual([vector.nar_size, vector.nar_sha256])
  })

  it.each(texts.errors.filter(({ id, error }) => error && !id.startsWith('ref-')))(
    'checkStoreName() refuses $id',
    ({ name, error = '' }) => {
      // The real daemon cuts the first byte out of a character that has two.
      const words = error.replace('\uFFFD', '\u00C3').replace('é', toByteString('é'))
      expect(() => checkStoreName(toByteString(name))).toThrow(words)
    },
  )

  it.each(nars.vectors)(
    'makeFixedOutputPath() of $name',
    ({ name, nar_base64: nar, add_recursive, add_flat }) => {
      const bytes = Buffer.from(nar ?? '', 'base64')
      for (const [algorithm, path] of Object.entries(add_recursive)) {
        const hash = digest(algorithm as HashAlgorithm, bytes)
        const content = { algorithm: algorithm as HashAlgorithm, recursive: true, hash }
        expect(makeFixedOutputPath(store, name, content)).toBe(path)
      }
      const node: NarNode = parseNar(bytes)
      for (const [algorithm, path] of Object.entries(add_flat ?? {})) {
        // What is no regular file has no flat hash: the vector is the daemon's error.
        if (typeof path !== 'string') continue
        const contents = node.type === 'file' ? node.contents : Buffer.alloc(0)
        const hash = startHash(algorithm as HashAlgorithm)
          .update(contents)
          .digest()
        const content = { algorithm: algorithm as HashAlgorithm, recursive: false, hash }
        expect(makeFixedOutputPath(store, name, content)).toBe(path)
      }
    },
  )

  it('isInStore() is textual: directly in the store', () => {
    for (const path of ['/gnu/store/x', '/gnu/store/.links']) expect(isInStore(store, path)).toBe(true)
    for (const path of ['', '/gnu/store', '/gnu/store/', '/gnu/store/x/y', '/gnu/storex', 'gnu/store/x']) {
      expect(isInStore(store, path)).toBe(false)
    }
  })

  it('isInStore() knows what is not one of the names of a directory, however it is spelt', () => {
    for (const name of ['.', '..']) expect(isInStore(store, `${store}/${name}`)).toBe(false)
    for (const name of ['...', '.a', 'a.', '..a', 'a'])
      expect(isInStore(store, `${store}/${name}`)).toBe(true)
  })

  it('isStorePath() wants a hash part and a name', () => {
    const hash = '26b8xvbkhrfwsi2kbr0yk5symm00w4b7'
    expect(isStorePath(store, `${store}/${hash}-hello`)).toBe(true)
    for (const base of ['.links', `${hash}-.x`, `${hash}x`, `${hash.replace('2', 'e')}-x`, `${hash}-a b`]) {
      expect(isStorePath(store, `${store}/${base}`)).toBe(false)
    }
  })

  it('storeItemOf() cuts a file name down to its item', () => {
    expect(storeItemOf(store, '/gnu/store/x/y/z')).toBe('/gnu/store/x')
    expect(storeItemOf(store, '/gnu/store/x')).toBe('/gnu/store/x')
    expect(storeItemOf(store, '/gnu/store/')).toBeUndefined()
    expect(storeItemOf(store, '/etc/passwd')).toBeUndefined()
  })
})
