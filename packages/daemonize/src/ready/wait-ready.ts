// How a service says, or shows, that it is ready; one function for each kind.
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ready } from '../config/ready.ts'
import type { KeeperEvent } from '../launch/keeper-link.ts'

export type Watched = {
  listen(listener: (event: KeeperEvent) => void): () => void
  output(listener: (bytes: Buffer) => void): () => void
  ready: Duplex | undefined
  signal: AbortSignal
}

/** Resolves when the service is ready; the caller watches for its end and for the time. */
export async function waitReady(ready: Ready, watched: Watched): Promise<void> {
  switch (ready.kind) {
    case 'exec':
      return hear(watched, 'exec')
    case 'notify':
      return hear(watched, 'notify')
    case 'delay':
      await hear(watched, 'exec')
      return sleep(ready.ms, undefined, { signal: watched.signal })
    case 'fd':
      return readLine(watched.ready)
    case 'line':
      return findLine(ready.pattern, watched)
    default:
      return retry(() => answers(ready), watched.signal)
  }
}

/** True when whoever listens at the address, if anyone, can be asked. */
export async function answers(ready: Ready): Promise<boolean> {
  if (ready.kind === 'http') return (await import('./http.ts')).httpAnswers(ready.url, ready.status)
  const { accepts } = await import('./connect.ts')
  if (ready.kind === 'port') return accepts({ host: ready.host, port: ready.port })
  return ready.kind === 'socket' ? accepts({ path: ready.path }) : false
}

function hear({ listen }: Watched, kind: KeeperEvent['kind']): Promise<void> {
  return new Promise((resolve) => {
    const stop = listen((event) => {
      if (event.kind !== kind) return
      stop()
      resolve()
    })
  })
}

/** The notification descriptor of s6 (notifywhenup): whatever comes before the first line end is ignored. */
function readLine(channel: Duplex | undefined): Promise<void> {
  return new Promise((resolve) => {
    channel?.on('data', (bytes: Buffer) => {
      if (bytes.includes(0x0a)) resolve()
    })
  })
}

function findLine(pattern: RegExp, { output }: Watched): Promise<void> {
  return new Promise((resolve) => {
    let rest = ''
    const stop = output((bytes) => {
      const lines = `${rest}${bytes.toString('utf8')}`.split('\n')
      rest = (lines.pop() ?? '').slice(-64 * 1024)
      if (!lines.some((line) => pattern.test(line))) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}

/** Often at first, when most services become ready; rarely for one that takes its time. */
async function retry(attempt: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  while (!(await attempt())) {
    const waited = performance.now() - began
    await sleep(waited < 500 ? 5 : waited < 5000 ? 20 : 100, undefined, { signal })
  }
}
