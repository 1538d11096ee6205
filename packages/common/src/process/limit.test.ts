import { expect, it } from 'vitest'
import { Limit } from './limit.ts'

it('Limit lets so many go on at a time, in order, also after a failure', async () => {
  const limit = new Limit(2)
  const begun: number[] = []
  const ends: ((failed: boolean) => void)[] = []
  const works = [0, 1, 2, 3].map((index) =>
    limit.run(() => {
      begun.push(index)
      return new Promise<number>((resolve, reject) => {
        ends[index] = (failed) => (failed ? reject(new Error('failed')) : resolve(index))
      })
    }),
  )
  works[0]?.catch(() => undefined)
  expect(begun).toEqual([0, 1])
  ends[0]?.(true)
  await expect(works[0]).rejects.toThrow('failed')
  expect(begun).toEqual([0, 1, 2])
  ends[1]?.(false)
  await works[1]
  expect(begun).toEqual([0, 1, 2, 3])
  for (const end of ends) end(false)
  expect(await Promise.all(works.slice(1))).toEqual([1, 2, 3])
})
