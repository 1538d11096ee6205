// An error record that another program sent, as the ToolError it was there.
// Pure: no I/O.
import type { WireRecord } from '../ndjson/decode.ts'
import { catalogue, type ErrorCode } from './codes.ts'
import { ToolError } from './tool-error.ts'

/** Keeps code and sentence; a code that this version does not know becomes PROTOCOL. */
export function receivedError(record: WireRecord): ToolError {
  const code = String(record['code'])
  const known = Object.hasOwn(catalogue(), code)
  const error = new ToolError(known ? (code as ErrorCode) : 'PROTOCOL', {
    peer: 'the connection',
    reason: code,
  })
  error.message = String(record['message'])
  return error
}
