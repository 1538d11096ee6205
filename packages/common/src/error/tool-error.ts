// The one error class: a code of the catalogue with the details that its sentence needs.
// Pure: no I/O.
import { codes, type ErrorCode, type ErrorDetails } from './codes.ts'

export class ToolError extends Error {
  override name = 'ToolError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, options: { cause?: unknown } = {}) {
    super(codes[code].sentence(details), options)
    this.code = code
    this.details = details
  }

  get exit(): number {
    return codes[this.code].exit
  }

  get retryable(): boolean {
    return codes[this.code].retryable
  }
}
