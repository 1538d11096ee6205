// Hashes items, and tells of each as it is done.
import { createHash } from 'node:crypto'
import { reasonOf } from '@plumbline/common/error/translate'
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { makeTurns, type Job, type JobPort } from './job.ts'

export type HashedItem = { path: string; hash: string; size: number } | { path: string; error: string }

const reportMs = 50

/** `count` more items have been read; of those that are what they were said to be, nothing else is told. */
export type Hashed = { count: number; items: readonly HashedItem[] }

/** `known`: what each is registered as, 64 hex digits, or undefined. */
export type HashItems = { paths: readonly string[]; known?: readonly (string | undefined)[] }

/** Sends Hashed. */
export const hashItems: Job<HashItems, void> = async ({ paths, known }, port) => {
  const turn = makeTurns()
  let [count, items]: [number, HashedItem[]] = [0, []]
  let reported = performance.now()
  const report = () => {
    if (count > 0) port.send({ count, items } satisfies Hashed)
    count = 0
    items = []
    reported = performance.now()
  }
  for (const [index, path] of paths.entries()) {
    try {
      const found = await hashItem(path, turn, port)
      if (!found) break
      if (found.hash !== known?.[index]) items.push({ path, ...found })
    } catch (error) {
      items.push({ path, error: reasonOf(error) })
    }
    count++
    if (performance.now() - reported > reportMs) report()
  }
  report()
}

/** Undefined when the job is to stop: half a hash says nothing. */
async function hashItem(path: string, turn: ReturnType<typeof makeTurns>, port: JobPort) {
  const hash = createHash('sha256')
  const steps = dumpNarInSteps(path, (block) => void hash.update(block))
  while (!port.stopped) {
    const step = steps.next()
    if (step.done) return { hash: hash.digest('hex'), size: step.value }
    const pause = turn()
    if (pause) await pause
  }
  steps.return(0)
  return undefined
}
