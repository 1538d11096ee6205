import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { encodeRecord } from '../ndjson/encode.ts'
import { readSecret } from './read-secret.ts'
import { parseSecretSource, secretOptions } from './secret-options.ts'
import { Secret } from './secret.ts'

const folder = mkdtempSync(join(tmpdir(), 'plumbline-secret-'))
afterAll(() => rmSync(folder, { recursive: true }))
const words = 'hunter2'
const secret = new Secret(Buffer.from(words))

test.each<[string, () => unknown]>([
  ['String()', () => String(secret)],
  ['a template', () => `${secret}`],
  ['join()', () => [secret].join()],
  ['util.inspect()', () => inspect({ deep: { secret } }, { showHidden: true, depth: 9 })],
  ['util.format()', () => format('%s %o %j', secret, secret, 1)],
  ['its keys', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret)])],
  ['a copy', () => inspect({ ...secret })],
  ['an error about it', () => inspect(new Error('failed', { cause: secret }))],
])('%s does not show a secret', (_, show) => expect(String(show())).not.toMatch(/hunter2|104, ?117|aHVudGVy/))

test('a secret cannot be made into JSON, a record or a message to a thread', () => {
  expect(() => JSON.stringify({ secret })).toThrow('a secret cannot be serialised')
  expect(() => encodeRecord({ type: 'x', secret })).toThrow(
    expect.objectContaining({ code: 'RECORD_UNWRITABLE' }),
  )
  expect(inspect(structuredClone(secret))).not.toContain(words)
  expect(secret.reveal().toString()).toBe(words)
})

describe('readSecret()', () => {
  const file = (content: string | Buffer) => {
    const path = join(folder, 'password')
    writeFileSync(path, content)
    return { file: path }
  }
  const reveal = async (source: Parameters<typeof readSecret>[0]) =>
    (await readSecret(source, 'password')).reveal().toString('latin1')

  test.each([
    ['a line', 'hunter2\n', 'hunter2'],
    ['no newline', 'hunter2', 'hunter2'],
    ['CRLF', 'hunter2\r\n', 'hunter2'],
    ['more lines', 'hunter2\nother\n', 'hunter2'],
    ['spaces', ' hunter 2 \n', ' hunter 2 '],
    ['bytes', Buffer.from('h\xff\xfe\n', 'latin1'), 'h\xff\xfe'],
  ])('takes the first line of a file: %s', async (_, content, expected) => {
    expect(await reveal(file(content))).toBe(expected)
  })

  test.each([
    ['an empty file', () => file(''), 'it is empty'],
    ['an empty line', () => file('\nhunter2\n'), 'it is empty'],
    ['a directory', () => ({ file: folder }), 'is a directory'],
    ['a missing file', () => ({ file: join(folder, 'missing') }), 'no such file or directory'],
    ['a line that is too long', () => file('x'.repeat(5000)), 'longer than 4096 bytes'],
    ['a closed descriptor', () => ({ descriptor: 1000 }), 'bad file descriptor'],
    ['a command that fails', () => ({ command: 'echo hunter2; exit 3' }), 'it ended with status 3'],
    ['a command that is killed', () => ({ command: 'kill -9 $$' }), 'it was ended by SIGKILL'],
    ['a command that says nothing', () => ({ command: 'true' }), 'it is empty'],
  ])('refuses %s, and does not show what it read', async (_, source, reason) => {
    const failure = readSecret(source(), 'password')
    await expect(failure).rejects.toMatchObject({ code: 'SECRET_UNREADABLE', exit: 66 })
    await expect(failure).rejects.toThrow(/^Cannot read the password from /)
    await expect(failure).rejects.toThrow(reason)
    await failure.catch((error: unknown) => expect(inspect(error)).not.toContain(words))
  })

  test('takes one line of a descriptor, and leaves the rest for others', async () => {
    const fd = openSync(file('hunter2\nnext\n').file, 'r')
    expect(await reveal({ descriptor: fd })).toBe(words)
    const rest = Buffer.alloc(5)
    readSync(fd, rest)
    expect(rest.toString()).toBe('next\n')
    closeSync(fd)
  })

  test('takes what a command prints', async () =>
    expect(await reveal({ command: 'printf hunter2' })).toBe(words))
})

describe('parseSecretSource()', () => {
  const parse = (values: Record<string, string[]>) =>
    parseSecretSource('password', { command: '', operands: [], flags: new Set(), values })

  test('knows where a secret may come from', () => {
    expect(Object.keys(secretOptions('password'))).toEqual([
      'password-file',
      'password-fd',
      'password-command',
    ])
    expect(parse({})).toBeUndefined()
    expect(parse({ 'password-file': ['f'] })).toEqual({ file: 'f' })
    expect(parse({ 'password-fd': ['3'] })).toEqual({ descriptor: 3 })
    expect(parse({ 'password-command': ['pass web1'] })).toEqual({ command: 'pass web1' })
  })

  test('refuses two places, and a descriptor that is no number', () => {
    expect(() => parse({ 'password-file': ['f'], 'password-fd': ['3'] })).toThrow('one place only')
    expect(() => parse({ 'password-fd': ['-1'] })).toThrow('--password-fd needs a number, not "-1"')
  })
})
