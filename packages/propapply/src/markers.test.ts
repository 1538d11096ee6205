import { expect, test } from 'vitest'
import { formatTail, MarkerReader, TailReader } from './markers.ts'

const output = [
  'noise before',
  'TOKEN begin',
  'TOKEN ok 1 ',
  'TOKEN diff 2',
  '--- a',
  ' TOKEN ok 9 ',
  '+\r',
  'TOKEN changed 2 ',
  'TOKEN want 3',
  'TOKEN failed 3 the reason',
  'TOKEN unknown 4',
  'TOKEN end',
  '',
].join('\n')

const markersOf = (chunks: readonly Buffer[]) => {
  const reader = new MarkerReader('TOKEN')
  return chunks.flatMap((chunk) => [...reader.push(chunk)])
}

test('MarkerReader finds the same markers however the bytes are cut', () => {
  const whole = markersOf([Buffer.from(output)])
  expect(whole).toEqual([
    { verb: 'begin' },
    { verb: 'result', step: 1, result: 'ok', reason: '', diff: undefined },
    {
      verb: 'result',
      step: 2,
      result: 'changed',
      reason: '',
      diff: Buffer.from('--- a\n TOKEN ok 9 \n+\r\n'),
    },
    { verb: 'want', step: 3 },
    { verb: 'result', step: 3, result: 'failed', reason: 'the reason', diff: undefined },
    { verb: 'end' },
  ])
  expect(markersOf(Array.from(output, (char) => Buffer.from(char)))).toEqual(whole)
})

test('TailReader gives each step its own end of standard error', () => {
  const reader = new TailReader('TOKEN')
  for (const char of 'a\nTOKEN\nTOKEN\nno newlineTOKEN\nrest') reader.push(Buffer.from(char))
  expect(reader.tails).toEqual(['a\n', '', 'no newline'])
  expect(reader.rest).toBe('rest')
})

test('TailReader keeps only the end of what is long', () => {
  const reader = new TailReader('TOKEN')
  for (let i = 0; i < 100; i++) reader.push(Buffer.alloc(10_000, 'x'))
  reader.push(Buffer.from('end TOKEN\n'))
  expect(reader.tails[0]?.length).toBeLessThan(40_000)
  expect(reader.tails[0]).toMatch(/xend $/)
})

test('formatTail() is the last lines, without blank ones', () => {
  expect(formatTail('1\n2\n\n3\n4\n5\n6\n7\n8\n9  \n\n')).toBe('2\n3\n4\n5\n6\n7\n8\n9')
})
