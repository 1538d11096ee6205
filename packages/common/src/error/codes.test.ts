import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { catalogue, type ErrorCode } from './codes.ts'
import { exitStatus, signalStatus } from './exit.ts'
import { receivedError } from './received-error.ts'
import { ToolError } from './tool-error.ts'
import { errnoOf, reasonOf, toToolError } from './translate.ts'

const statuses: readonly number[] = Object.values(exitStatus)
const details = new Proxy({}, { get: (_, name) => `<${String(name)}>` })

describe.each(Object.keys(catalogue()) as ErrorCode[])('%s', (code) => {
  const { exit, retryable, sentence } = catalogue()[code]

  test('has a status of the table, and retryable where trying again may help', () => {
    expect(statuses).toContain(exit)
    expect(exit).not.toBe(0)
    if (exit === exitStatus.tryAgain) expect(retryable).toBe(true)
    if (exit === exitStatus.usage || exit === exitStatus.data) expect(retryable).toBe(false)
  })

  test('has a sentence of one line, which needs no detail to be one, and no final period', () => {
    const text = sentence(details)
    expect(text).toMatch(/^[^\n]*[^\n.]$/)
    expect(text).not.toContain('undefined')
    expect(new ToolError(code, details)).toMatchObject({ code, exit, retryable, message: text })
  })
})

test('signalStatus() is that of a shell', () => expect(signalStatus(15)).toBe(143))

describe('errors of others', () => {
  const read = (path: string) => {
    try {
      return readFileSync(path)
    } catch (error) {
      return error
    }
  }

  test('are told in the words of strerror(3)', () => {
    expect(reasonOf(read('/nowhere/x'))).toBe('no such file or directory')
    expect(reasonOf(read('/'))).toBe('is a directory')
    expect(errnoOf(read('/nowhere/x'))).toBe('ENOENT')
    expect(reasonOf(new Error('their words'))).toBe('their words')
    expect(reasonOf('thrown text')).toBe('thrown text')
    expect(errnoOf('thrown text')).toBeUndefined()
  })

  test('are bugs where nobody translated them, with the cause kept', () => {
    const cause = new TypeError('x is not a function')
    expect(toToolError(cause)).toMatchObject({
      code: 'INTERNAL',
      exit: 70,
      message: 'Internal error: x is not a function',
      cause,
    })
    const known = new ToolError('TIMEOUT', { what: 'It', ms: 3 })
    expect(toToolError(known)).toBe(known)
  })

  test('that came as records keep code and sentence', () => {
    const error = receivedError({ type: 'error', code: 'AUTH_FAILED', message: 'No entry' })
    expect(error).toMatchObject({ code: 'AUTH_FAILED', exit: 77, message: 'No entry' })
    expect(receivedError({ type: 'error', code: 'toString', message: 'New' })).toMatchObject({
      code: 'PROTOCOL',
      message: 'New',
    })
  })
})
