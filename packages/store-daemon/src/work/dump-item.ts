// Sends the nar of an item to the main thread, no faster than it is taken there.
import { createHash } from 'node:crypto'
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { ToolError } from '@plumbline/common/error/tool-error'
import { makeTurns, type Job } from './job.ts'

/** Bytes on their way before the job waits. */
const maxAhead = 4 * 1024 * 1024

export const dumpItem: Job<{ path: string }, { hash: string; size: number }> = async ({ path }, port) => {
  const hash = createHash('sha256')
  const turn = makeTurns()
  const sent = { ahead: 0 }
  let goOn = () => undefined as void
  port.onMessage = (taken) => {
    sent.ahead -= taken as number
    goOn()
  }
  port.onStop = () => goOn()
  const steps = dumpNarInSteps(path, (block) => {
    hash.update(block)
    const copy = new Uint8Array(block)
    sent.ahead += copy.length
    port.send(copy, [copy.buffer])
  })
  for (;;) {
    const step = steps.next()
    if (step.done) return { hash: hash.digest('hex'), size: step.value }
    await turn()
    while (sent.ahead > maxAhead && !port.stopped) await new Promise<void>((resolve) => (goOn = resolve))
    if (port.stopped) throw new ToolError('CANCELLED', { what: 'The export' })
  }
}
