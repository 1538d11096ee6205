import { describe, expect, it } from 'vitest'
import { findDuplicateKey, findJsonMistake } from './json-mistake.ts'

describe('findJsonMistake()', () => {
  it.each([
    ['{"a": [,]}', 'line 1 column 8'],
    ['{\n "a": 1,\n}', 'line 3 column 1'],
    ['{\n "a": tru,\n "b": 1}', 'line 2 column 10'],
    ["{'a': 1}", 'line 1 column 2'],
    ['{"a": 1} x', 'line 1 column 10'],
    ['{"a": 1', 'line 1 column 8'],
    ['{"a": "x\n"}', 'line 1 column 9'],
    ['{"a": -}', 'line 1 column 8'],
    ['{"a": "\\u12x"}', 'line 1 column 12'],
    ['', 'line 1 column 1'],
  ])('%j: %s', (text, place) => expect(findJsonMistake(text)).toBe(place))
})

describe('findDuplicateKey()', () => {
  it.each([
    ['{"a": 1,\n "a": 2}', { key: '"a"', place: 'line 2 column 2' }],
    ['{"env": {"A": "1", "B": "{", "A": "2"}}', { key: '"A"', place: 'line 1 column 30' }],
    ['{"a": 1, "\\u0061" : 2}', { key: '"\\u0061"', place: 'line 1 column 10' }],
    ['[{"a": {"a": "a"}, "b": ["a", "a", {"a": "\\"a\\": {"}]}, {"a": 1}]', undefined],
  ])('%s', (text, found) => {
    JSON.parse(text)
    expect(findDuplicateKey(text)).toEqual(found)
  })
})
