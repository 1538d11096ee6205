// The one error class: a code of the catalogue with the details that its sentence needs.
// Pure: no I/O.
import { catalogue, type ErrorCode, type ErrorDetails } from './codes.ts'

export class ToolError extends Error {
  override name = 'ToolError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, options: { cause?: unknown } = {}) {
    super(catalogue()[code].sentence(details), options)
    this.code = code
    this.details = details
  }

  get exit(): number {
    return catalogue()[this.code].exit
  }

  get retryable(): boolean {
    return catalogue()[this.code].retryable
  }
}
