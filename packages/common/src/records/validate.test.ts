import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { connectionRecord } from './connection.ts'
import { endRecord } from './end.ts'
import { errorRecord, makeErrorRecord } from './error.ts'
import { makeIdentifier } from './identifier.ts'
import { propertyApplication, propertyRecord } from './property.ts'
import { serviceReference } from './service.ts'
import { mapOf } from './map-of.ts'
import { formatMismatch, validate } from './validate.ts'
import { answerRecord, requestRecord } from './verb.ts'
import { ToolError } from '../error/tool-error.ts'

const says = (schema: v.GenericSchema, value: unknown) => {
  const result = validate(schema, value)
  return 'value' in result ? [] : result.mismatches.map(formatMismatch)
}

const mode = v.pipe(v.string(), v.regex(/^0?[0-7]{3}$/, 'expected an octal mode such as "0644"'))
const schema = v.looseObject({
  name: v.string(),
  mode: v.optional(mode),
  sites: v.optional(v.array(v.strictObject({ host: v.string(), port: v.number() }))),
  settings: v.optional(mapOf(v.string(), v.string())),
  state: v.optional(v.nullable(v.picklist(['on', 'off']))),
})

describe('validate() says', () => {
  test.each([
    ['what is missing', {}, ['field "name": missing, expected string']],
    ['what was expected, and found', { name: 3 }, ['field "name": expected string, found 3']],
    [
      'a list where keys are wanted',
      { name: 'x', settings: ['a'] },
      ['field "settings": expected Object, found Array'],
    ],
    ['null', { name: null }, ['field "name": expected string, found null']],
    [
      'each fault',
      { mode: 644 },
      ['field "name": missing, expected string', 'field "mode": expected string, found 644'],
    ],
    [
      'a rule in its own words',
      { name: 'x', mode: '0999' },
      ['field "mode": expected an octal mode such as "0644"'],
    ],
    ['one of several', { name: 'x', state: 'of' }, ['field "state": expected ("on" | "off"), found "of"']],
    [
      'where, in a list',
      { name: 'x', sites: [{ host: 'a', port: 1 }, { host: 'b' }] },
      ['field "sites.1.port": missing, expected number'],
    ],
    [
      'where, in an object',
      { name: 'x', settings: { a: 1 } },
      ['field "settings.a": expected string, found 1'],
    ],
    ['that it is no object at all', [], ['field "name": missing, expected string']],
    [
      'which field there is not',
      { name: 'x', sites: [{ host: 'a', port: 1, prot: 2 }] },
      ['field "sites.0.prot": not known'],
    ],
    ['that it is nothing', null, ['expected Object, found null']],
  ])('%s', (_, value, expected) => expect(says(schema, value)).toEqual(expected))

  test('nothing about what fits, and keeps fields that it does not know', () => {
    const value = { name: 'x', sites: [], state: null, more: 1 }
    expect(validate(schema, value)).toEqual({ value })
  })

  test('which field of the variant that is meant', () => {
    expect(says(requestRecord, { type: 'evaluate', id: '1', argument: null })).toEqual([
      'field "source": missing, expected string',
    ])
    expect(says(requestRecord, { type: 'more', id: '1', bytes: -1 })).toHaveLength(1)
    expect(says(requestRecord, { type: 'delete', id: '1' })[0]).toMatch(
      /^field "type": expected .*"run".*, found "delete"$/,
    )
    expect(says(requestRecord, { type: 'writefile', id: '1', path: '/x', mode: 'rw' })).toEqual([
      'field "mode": expected an octal mode such as "0644"',
    ])
  })
})

const examples: readonly (readonly [string, v.GenericSchema, string])[] = [
  [
    'connection',
    connectionRecord,
    '{"type":"connection","id":"01J","host":"web1","hops":["ssh:web1","sudo:root"],"kind":"posix","socket":"/run/x.sock","user":"root","uid":0,"home":"/root"}',
  ],
  [
    'error',
    errorRecord,
    '{"type":"error","tool":"connect","code":"HOST_KEY_MISMATCH","message":"m","host":"web1","retryable":false}',
  ],
  ['end', endRecord, '{"type":"end","tool":"propapply","ok":true,"counts":{"ok":97,"changed":3,"failed":0}}'],
  [
    'application',
    propertyApplication,
    '{"property":"file.has-content","path":"/etc/motd","content":"Welcome\\n","mode":"0644"}',
  ],
  [
    'property',
    propertyRecord,
    '{"type":"property","host":"web1","property":"file.has-content","desc":"d","result":"changed","ms":3,"diff":null}',
  ],
  [
    'service',
    serviceReference,
    '{"type":"service","name":"homesite","command":"start","state":"running","pid":4242,"ms":83,"conf":"/etc/x"}',
  ],
  ['request', requestRecord, '{"type":"run","id":"1","command":"echo hi"}'],
  ['answer', answerRecord, '{"type":"exit","id":"1","status":0}'],
]

test.each(examples)('a %s record goes through unchanged', (_, each, line) => {
  const result = validate(each, JSON.parse(line))
  expect(result).toEqual({ value: JSON.parse(line) })
})

test.each(examples.filter(([name]) => name !== 'application'))(
  'a %s record needs its fields',
  (_, each, line) => {
    const whole = JSON.parse(line) as Record<string, unknown>
    expect(says(each, {})).not.toEqual([])
    expect(says(each, { ...whole, type: 'other' })[0]).toMatch(/^field "type": expected .*, found "other"$/)
  },
)

test('makeErrorRecord() has type first, and what the reader needs', () => {
  const record = makeErrorRecord('connect', new ToolError('CONNECTION_LOST', { host: 'web1' }), {
    host: 'web1',
    hop: 'ssh',
  })
  expect(JSON.stringify(record)).toBe(
    '{"type":"error","tool":"connect","code":"CONNECTION_LOST","message":"Connection to web1 was lost","host":"web1","retryable":true,"hop":"ssh"}',
  )
  expect(says(errorRecord, record)).toEqual([])
})

test('makeIdentifier() is a ULID: 26 characters that sort by time, and do not meet', () => {
  const first = makeIdentifier(1_700_000_000_000)
  expect(first).toMatch(/^01HF7YAT00[0-9A-HJKMNP-TV-Z]{16}$/)
  expect(makeIdentifier(1_700_000_000_001) > first).toBe(true)
  expect(new Set(Array.from({ length: 1000 }, () => makeIdentifier(0))).size).toBe(1000)
})
