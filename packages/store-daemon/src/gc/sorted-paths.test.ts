import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexPaths, namesWithout } from './sorted-paths.ts'

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '0'), minLength: 1, maxLength: 4 })
const names = fc.uniqueArray(name)

describe('indexPaths', () => {
  it('finds what is there, where it is, and nothing else', () => {
    fc.assert(
      fc.property(names, name, (list, wanted) => {
        const paths = list.toSorted()
        const at = paths.indexOf(wanted)
        expect(indexPaths(paths).get(wanted)).toBe(at < 0 ? undefined : at)
      }),
    )
  })
})

describe('namesWithout', () => {
  it('says which names no path has', () => {
    fc.assert(
      fc.property(names, names, (valid, present) => {
        const paths = valid.toSorted().map((each) => `/s/${each}`)
        const known = new Set(valid)
        expect(namesWithout(present, paths, 3)).toEqual(present.toSorted().filter((each) => !known.has(each)))
      }),
    )
  })
})
