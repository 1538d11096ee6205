// Runs one builder to its end, and ends it when it takes too long, prints too much, or nobody wants it any more.
import { BuildFailure } from './build-failure.ts'
import type { BuildSink } from './build-sink.ts'
import type { BuilderEnd, RunningBuilder, SandboxProcess } from './sandbox-process.ts'
import type { SandboxRequest } from './sandbox-request.ts'

export type Limits = { timeoutMs: number; silenceMs: number; maxLog: number }

export type BuilderRun = {
  sandbox: SandboxProcess
  request: SandboxRequest
  derivation: string
  limits: Limits
  sink: BuildSink
  signal: AbortSignal
  /** Is handed the builder as soon as there is one. */
  onStart: (builder: RunningBuilder) => void
}

/** Log that is credited at once: one message for each chunk would cost more than the chunk. */
const creditBytes = 256 * 1024

/** Throws BuildFailure when it did not end by itself. */
export async function runBuilder(run: BuilderRun): Promise<BuilderEnd> {
  const { sandbox, request, derivation, limits, sink, signal } = run
  let stopped: BuildFailure | undefined
  let length = 0
  let heard = performance.now()
  let uncredited = 0
  let running: number | undefined
  let hasEnded = false
  /** Resolves when nobody waits any longer for a client that reads nothing. */
  let goOn: () => void = () => undefined
  const late = new Promise<void>((resolve) => (goOn = resolve))
  const builder = sandbox.start(request, (bytes) => {
    heard = performance.now()
    length += bytes.length
    if (limits.maxLog > 0 && length > limits.maxLog) {
      stop(`killed after writing more than ${limits.maxLog} bytes of log output`)
    }
    const pass = () => {
      const slow = sink.output(bytes)
      const credit = () => {
        uncredited += bytes.length
        if (uncredited < creditBytes) return
        builder.taken(uncredited)
        uncredited = 0
      }
      if (slow) return Promise.race([slow, late]).then(credit)
      credit()
      return undefined
    }
    passing = passing.then(pass)
  })
  run.onStart(builder)
  const stop = (reason: string) => {
    goOn()
    // It was in time; who wants to know has taken too long.
    if (stopped || hasEnded) return
    sink.say(0, `building of \`${derivation}' ${reason}`)
    stopped = new BuildFailure('timeout', reason)
    builder.kill()
  }
  // In order, and not before it is known that the builder has started.
  let passing: Promise<void> = builder.pid.then((pid) => {
    running = pid
    if (pid !== undefined) sink.started(pid)
  })
  const timers = watchTime(limits, () => heard, stop)
  const cancel = () => {
    if (running !== undefined) sink.say(0, `killing process ${running}`)
    stopped ??= new BuildFailure('cancelled', `building of \`${derivation}' was cancelled`)
    builder.kill()
  }
  if (signal.aborted) cancel()
  else signal.addEventListener('abort', cancel, { once: true })
  try {
    const end = await builder.ended
    hasEnded = true
    await passing
    if (stopped) throw stopped
    return end
  } finally {
    for (const timer of timers) clearInterval(timer)
    signal.removeEventListener('abort', cancel)
  }
}

function watchTime(
  { timeoutMs, silenceMs }: Limits,
  heard: () => number,
  stop: (reason: string) => void,
): NodeJS.Timeout[] {
  const timers: NodeJS.Timeout[] = []
  if (timeoutMs > 0) {
    timers.push(setTimeout(() => stop(`timed out after ${timeoutMs / 1000} seconds`), timeoutMs))
  }
  if (silenceMs > 0) {
    const look = () => {
      const left = heard() + silenceMs - performance.now()
      if (left <= 0) stop(`timed out after ${silenceMs / 1000} seconds of silence`)
      else timers.push(setTimeout(look, left))
    }
    timers.push(setTimeout(look, silenceMs))
  }
  return timers
}
