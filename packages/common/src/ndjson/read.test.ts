import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WireRecord } from './decode.ts'
import { encodeRecord } from './encode.ts'
import { defaultMaxLine, readRecords, type ReadRecord } from './read.ts'

type Outcome = { records: WireRecord[]; lines: number[]; message?: string; code?: unknown }

async function* chunked(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const at = [...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
  let from = 0
  for (const to of [...at, bytes.length]) {
    yield bytes.subarray(from, to)
    from = to
  }
}

async function read(
  input: string | Buffer,
  cuts: readonly number[] = [],
  maxLine = defaultMaxLine,
): Promise<Outcome> {
  const found: ReadRecord[] = []
  let failure: { message?: string; code?: unknown } = {}
  try {
    const source = chunked(Buffer.from(input as string), cuts)
    for await (const batch of readRecords(source, { input: 'here', maxLine })) found.push(...batch)
  } catch (error) {
    const { message, code } = error as { message: string; code?: unknown }
    failure = { message, code }
  }
  return { records: found.map(({ record }) => record), lines: found.map(({ line }) => line), ...failure }
}

const record = fc
  .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
  .map((fields) => ({ ...fields, type: 'x' }))
const cuts = fc.array(fc.nat(), { maxLength: 20 })

describe('readRecords()', () => {
  test('reads what encodeRecord() wrote, wherever the bytes are cut', async () => {
    const check = async (written: { type: string }[], where: number[], end: string) => {
      const text = written.map((each) => encodeRecord(each).replace(/\n$/, end)).join('')
      const expected = written.map((each) => JSON.parse(JSON.stringify(each)) as WireRecord)
      expect(await read(text, where)).toEqual({
        records: expected,
        lines: expected.map((_, index) => index + 1),
      })
    }
    const ends = fc.constantFrom('\n', '\r\n', '\n\n'.slice(1))
    await fc.assert(fc.asyncProperty(fc.array(record, { maxLength: 8 }), cuts, ends, check), { numRuns: 150 })
  })

  test('cuts inside of a character change nothing', async () => {
    const text = '{"type":"ß€𝄞"}\n'
    for (let at = 0; at < Buffer.byteLength(text); at++) {
      expect((await read(text, [at, at + 1])).records).toEqual([{ type: 'ß€𝄞' }])
    }
  })

  test.each([
    ['blank lines', '\n  \n\r\n{"type":"x"}\n\n', [4]],
    ['no newline at the end', '{"type":"x"}\n{"type":"y"}', [1, 2]],
    ['CRLF, also at the end of a batch', '{"type":"x"}\r\n{"type":"y"}\r\n', [1, 2]],
    ['space before the brace', ' \t{"type":"x"}\n', [1]],
    ['nothing', '', []],
    ['an own __proto__', '{"type":"x","__proto__":{"a":1}}\n', [1]],
  ])('accepts %s', async (_, input, lines) => {
    expect(await read(input)).toMatchObject({ lines })
    expect((await read(input)).message).toBeUndefined()
  })

  test.each([
    ['null', 'null\n', 1, 'expected a JSON object, found null'],
    ['an array', '[{"type":"x"}]\n', 1, 'expected a JSON object, found an array'],
    ['a number', '{"type":"x"}\n42\n', 2, 'expected a JSON object, found "42"'],
    [
      'two records on a line',
      '{"type":"x"} {"type":"y"}\n',
      1,
      'not JSON: Unexpected non-whitespace character after JSON at column 14',
    ],
    ['a comma too many', '{"type":"x",}\n', 1, 'not JSON: Expected double-quoted property name at column 13'],
    ['a byte order mark', '\uFEFF{"type":"x"}\n', 1, 'it starts with a byte order mark'],
    ['bad UTF-8', Buffer.from('\n{"type":"\xe4"}\n', 'latin1'), 2, 'not UTF-8'],
    ['an overlong NUL', Buffer.from('{"type":"\xc0\x80"}\n', 'latin1'), 1, 'not UTF-8'],
    ['2 MiB in a line', `{}\n{"type":"${'x'.repeat(2 ** 21)}"}\n`, 2, 'longer than 1048576 bytes'],
    ['2 MiB without a line', 'x'.repeat(2 ** 21), 1, 'longer than 1048576 bytes'],
  ])('refuses %s', async (_, input, line, reason) => {
    const { code, message, lines } = await read(input)
    expect({ code, message }).toEqual({
      code: 'RECORD_INVALID',
      message: `Cannot read here, line ${line}: ${reason}`,
    })
    // What came before is not lost.
    expect(lines).toEqual(
      Array.from({ length: line - 1 }, (__, index) => index + 1).filter(
        (at) => String(input).split('\n')[at - 1],
      ),
    )
  })

  test.each([
    ['in a string', '{"type":"x"}\n{"type":"y'],
    ['in a character', Buffer.from('{"type":"x"}\n{"type":"\xe2\x82', 'latin1')],
    ['before the brace', '{"type":"x"}\n{"type":"y"'],
  ])('knows a last line that is cut off %s', async (_, input) => {
    expect(await read(input)).toEqual({
      records: [{ type: 'x' }],
      lines: [1],
      code: 'RECORD_TRUNCATED',
      message: 'Cannot read here, line 2: the last line is cut off',
    })
  })

  test('a line may have just as many bytes as the limit', async () => {
    const line = '{"type":"ü"}'
    expect((await read(`${line}\n${line}\r\n`, [3], Buffer.byteLength(line) + 1)).lines).toEqual([1, 2])
    expect((await read(`${line}\n`, [3], Buffer.byteLength(line) - 1)).code).toBe('RECORD_INVALID')
  })
})
