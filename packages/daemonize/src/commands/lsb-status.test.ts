import { describe, expect, it } from 'vitest'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errorStatus, mergeStatuses } from './lsb-status.ts'

describe('errorStatus()', () => {
  it.each([
    ['USAGE', 2],
    ['SERVICE_FORBIDDEN', 4],
    ['COMMAND_NOT_FOUND', 5],
    ['CONFIG_INVALID', 6],
    ['SERVICE_NOT_RUNNING', 7],
    ['SERVICE_FAILED', 1],
    ['INTERNAL', 1],
  ] as const)('%s is %i', (code, status) => expect(errorStatus(new ToolError(code))).toBe(status))
  it.each(['CANNOT_CREATE', 'INPUT_FAILED', 'SERVICE_FAILED'] as const)(
    'is 4 where permissions are missing: %s',
    (code) => {
      const cause = Object.assign(new Error(), { code: 'EACCES' })
      expect(errorStatus(new ToolError(code, {}, { cause }))).toBe(4)
    },
  )
})

describe('mergeStatuses()', () => {
  it.each([
    [[], 0],
    [[0, 0], 0],
    [[0, 3, 3], 3],
    [[1, 3], 1],
  ])('%j is %i', (statuses, expected) => expect(mergeStatuses(statuses)).toBe(expected))
})
