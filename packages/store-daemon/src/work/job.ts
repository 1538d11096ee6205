// What main thread and worker threads say to each other, and what a job may be.
// Pure: no I/O.
import { catalogue, type ErrorCode, type ErrorDetails } from '@plumbline/common/error/codes'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonWithFile } from '@plumbline/common/error/translate'

/** To a worker: start a job, hand it something, or have it stop. */
export type ToWorker =
  { id: number; start: string; args: unknown } | { id: number; message: unknown } | { id: number; stop: true }

/** From a worker: something the job says, or its end. */
export type FromWorker =
  { id: number; message: unknown } | { id: number; result: unknown } | { id: number; error: PlainError }

/** An error that has crossed a thread. */
export type PlainError = { code: string | undefined; details: ErrorDetails; message: string }

/** A job's way to the main thread. */
export interface JobPort {
  send(message: unknown, transfer?: ArrayBuffer[]): void
  /** What the main thread hands to the job. */
  onMessage: (message: unknown) => void
  /** The main thread wants the job to stop and to leave nothing behind. */
  onStop: () => void
  readonly stopped: boolean
}

export type Job<Args, Result> = (args: Args, port: JobPort) => Promise<Result>

export function toPlainError(error: unknown): PlainError {
  if (error instanceof ToolError) return { code: error.code, details: error.details, message: error.message }
  return { code: errnoOf(error), details: {}, message: reasonWithFile(error) }
}

export function fromPlainError({ code, details, message }: PlainError): Error {
  if (code !== undefined && Object.hasOwn(catalogue(), code)) return new ToolError(code as ErrorCode, details)
  return Object.assign(new Error(message), { code })
}

/** To be awaited every now and then. */
export type Turn = () => Promise<void> | undefined

/** Gives a worker's other jobs a turn when this one has had the thread for a while. */
export function makeTurns(ms = 8): Turn {
  let since = performance.now()
  return () => {
    if (performance.now() - since < ms) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        since = performance.now()
        resolve()
      }),
    )
  }
}

/** The same for a job that ends when it is to stop. Throws CANCELLED. */
export function makeStoppableTurns(port: JobPort, what: string): Turn {
  const turn = makeTurns()
  // Only what comes meanwhile can stop it.
  return () =>
    turn()?.then(() => {
      if (port.stopped) throw new ToolError('CANCELLED', { what })
    })
}
