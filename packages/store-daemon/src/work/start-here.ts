// Runs a job on this thread: for what is over before a thread of its own would have started.
import type { Job, JobPort } from './job.ts'
import type { RunningJob } from './worker-pool.ts'

export function startHere<Args, Result>(
  job: Job<Args, Result>,
  args: Args,
  onMessage: (message: unknown) => void,
): RunningJob<Result> {
  const port: { -readonly [Name in keyof JobPort]: JobPort[Name] } = {
    send: onMessage,
    onMessage: () => undefined,
    onStop: () => undefined,
    stopped: false,
  }
  return {
    result: job(args, port),
    send: (message) => port.onMessage(message),
    stop: () => {
      port.stopped = true
      port.onStop()
    },
  }
}
