import { describe, expect, it } from 'vitest'
import { AnswerCache } from './answer-cache.ts'

const minute = 60_000
const server = 'https://example.org/'

describe('AnswerCache', () => {
  it('keeps what a server has for long, what it has not for ten minutes, and what it should not have sent for one', () => {
    let now = 0
    const cache = new AnswerCache(() => now)
    const claim = { path: 'a' } as never
    cache.add(server, { path: 'a', claim })
    cache.add(server, { path: 'b' })
    cache.add(server, { path: 'c', refusal: 'no' })
    const kept = () => ['a', 'b', 'c'].filter((path) => cache.get(server, path))
    expect(kept()).toEqual(['a', 'b', 'c'])
    now = 2 * minute
    expect(kept()).toEqual(['a', 'b'])
    now = 11 * minute
    expect(kept()).toEqual(['a'])
    now = 37 * 60 * minute
    expect(kept()).toEqual([])
  })

  it('forgets on demand, and tells servers apart', () => {
    const cache = new AnswerCache()
    cache.add(server, { path: 'a' })
    expect(cache.get('https://example.net/', 'a')).toBeUndefined()
    cache.forget(server, 'a')
    expect(cache.get(server, 'a')).toBeUndefined()
  })

  it('keeps nothing of directories', () => {
    const cache = new AnswerCache()
    cache.add('file:///x/', { path: 'a' })
    cache.setServer('file:///x/', 'gone')
    expect([cache.get('file:///x/', 'a'), cache.server('file:///x/')]).toEqual([undefined, undefined])
  })

  it('leaves a server that cannot be reached alone for a minute', () => {
    let now = 0
    const cache = new AnswerCache(() => now)
    cache.setServer(server, 'unreachable')
    expect(cache.server(server)?.problem).toBe('unreachable')
    now = minute
    expect(cache.server(server)).toBeUndefined()
  })
})
