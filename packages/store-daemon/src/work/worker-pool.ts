// The worker threads that do what takes long. They start when first needed and end when idle: an idle daemon
// has one thread. A job that waits for its client's bytes does not occupy a thread.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ToolError } from '@plumbline/common/error/tool-error'
import { fromPlainError, type FromWorker, type ToWorker } from './job.ts'

const maxWorkers = 2
const idleMs = 10_000

type Slot = { worker: Worker; jobs: Set<number>; idle: NodeJS.Timeout | undefined }

/** A job that is running. */
export interface RunningJob<Result> {
  readonly result: Promise<Result>
  send(message: unknown, transfer?: ArrayBuffer[]): void
  stop(): void
}

type Waiting = {
  onMessage: (message: unknown) => void
  resolve: (result: unknown) => void
  reject: (error: Error) => void
}

export class WorkerPool {
  readonly #file = fileURLToPath(new URL('./launch.cjs', import.meta.url))
  readonly #slots: Slot[] = []
  readonly #jobs = new Map<number, Waiting>()
  #nextId = 1

  /** Whether a job would not have to wait for a thread to start. */
  get isWarm(): boolean {
    return this.#slots.length > 0
  }

  /** Starts job `name` on the thread with least to do. */
  start<Result>(
    name: string,
    args: unknown,
    onMessage: (message: unknown) => void = () => undefined,
  ): RunningJob<Result> {
    const slot = this.#pick()
    const id = this.#nextId++
    const post = (message: ToWorker, transfer: ArrayBuffer[] = []) =>
      slot.worker.postMessage(message, transfer)
    const result = new Promise<unknown>((resolve, reject) =>
      this.#jobs.set(id, { onMessage, resolve, reject }),
    ) as Promise<Result>
    slot.jobs.add(id)
    post({ id, start: name, args })
    return {
      result,
      send: (message, transfer) => {
        if (this.#jobs.has(id)) post({ id, message }, transfer)
      },
      stop: () => {
        if (this.#jobs.has(id)) post({ id, stop: true })
      },
    }
  }

  /** Runs job `name` to its end, which it is told to come to when `signal` is aborted. */
  async run<Result>(
    name: string,
    args: unknown,
    onMessage?: (message: unknown) => void,
    signal?: AbortSignal,
  ): Promise<Result> {
    signal?.throwIfAborted()
    const { result, stop } = this.start<Result>(name, args, onMessage)
    signal?.addEventListener('abort', stop, { once: true })
    return result.finally(() => signal?.removeEventListener('abort', stop))
  }

  async close(): Promise<void> {
    const slots = this.#slots.splice(0)
    for (const { idle } of slots) clearTimeout(idle)
    await Promise.all(slots.map(({ worker }) => worker.terminate()))
  }

  #pick(): Slot {
    const least = this.#slots.toSorted((a, b) => a.jobs.size - b.jobs.size)[0]
    const slot = !least || (least.jobs.size > 0 && this.#slots.length < maxWorkers) ? this.#add() : least
    clearTimeout(slot.idle)
    return slot
  }

  #add(): Slot {
    const worker = new Worker(this.#file, { argv: ['--worker-thread'], stdout: false, stderr: false })
    const slot: Slot = { worker, jobs: new Set(), idle: undefined }
    worker.on('message', (message: FromWorker) => this.#receive(slot, message))
    worker.on('error', (error) => this.#lose(slot, error))
    worker.on('exit', () => this.#lose(slot, new Error('it ended')))
    this.#slots.push(slot)
    return slot
  }

  #receive(slot: Slot, message: FromWorker): void {
    const job = this.#jobs.get(message.id)
    if (!job) return
    if ('message' in message) return job.onMessage(message.message)
    this.#jobs.delete(message.id)
    slot.jobs.delete(message.id)
    if (slot.jobs.size === 0) slot.idle = setTimeout(() => this.#retire(slot), idleMs).unref()
    if ('result' in message) job.resolve(message.result)
    else job.reject(fromPlainError(message.error))
  }

  #retire(slot: Slot): void {
    const at = this.#slots.indexOf(slot)
    if (at < 0 || slot.jobs.size > 0) return
    this.#slots.splice(at, 1)
    void slot.worker.terminate()
  }

  #lose(slot: Slot, error: Error): void {
    const at = this.#slots.indexOf(slot)
    if (at >= 0) this.#slots.splice(at, 1)
    // Node says it in words only.
    const code = /\bE[MN]FILE\b/.test(error.message) ? 'FILES_EXHAUSTED' : 'INTERNAL'
    for (const id of slot.jobs) {
      this.#jobs.get(id)?.reject(new ToolError(code, { reason: `a worker thread: ${error.message}` }))
      this.#jobs.delete(id)
    }
    slot.jobs.clear()
  }
}
