// The other end of a worker thread: runs jobs side by side.
import { parentPort } from 'node:worker_threads'
import { toPlainError, type Job, type JobPort, type ToWorker } from './job.ts'
import { collect } from '../gc/collect-job.ts'
import { findRootsJob } from '../gc/find-roots.ts'
import { deduplicateOutput } from '../build/deduplicate-output.ts'
import { finishOutput } from '../build/finish-output.ts'
import { fetchNar } from '../substitute/fetch-nar.ts'
import { lookUp } from '../substitute/look-up.ts'
import { dumpItem } from './dump-item.ts'
import { deduplicateItems } from './deduplicate-items.ts'
import { hashItems } from './hash-items.ts'
import { removeItems } from './remove-items.ts'
import { sweepStore } from './sweep-store.ts'
import { unpack } from './unpack.ts'

const jobs = {
  collect,
  findRoots: findRootsJob,
  dumpItem,
  hashItems,
  deduplicateItems,
  deduplicateOutput,
  finishOutput,
  removeItems,
  sweepStore,
  unpack,
  fetchNar,
  lookUp,
} as Readonly<Record<string, Job<never, unknown>>>

/** Whether this is a worker thread, which now takes jobs. */
export function runWorker(): boolean {
  const port = parentPort
  if (!port) return false
  const running = new Map<number, JobPort & { stopped: boolean }>()
  const start = async (id: number, name: string, args: unknown) => {
    const job = jobs[name]
    const jobPort = {
      send: (message: unknown, transfer: ArrayBuffer[] = []) => port.postMessage({ id, message }, transfer),
      onMessage: () => undefined,
      onStop: () => undefined,
      stopped: false,
    }
    running.set(id, jobPort)
    try {
      if (!job) throw new Error(`there is no job "${name}"`)
      const result = await job(args as never, jobPort)
      port.postMessage({ id, result })
    } catch (error) {
      port.postMessage({ id, error: toPlainError(error) })
    } finally {
      running.delete(id)
    }
  }
  port.on('message', (message: ToWorker) => {
    if ('start' in message) return void start(message.id, message.start, message.args)
    const job = running.get(message.id)
    if (!job) return
    if ('message' in message) return job.onMessage(message.message)
    job.stopped = true
    job.onStop()
  })
  return true
}
