// How a service says, or shows, that it is ready; one function for each kind.
import type { Ready } from '../config/ready.ts'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isIpAddress } from '../launch/ip-address.ts'
import type { KeeperEvent } from '../launch/keeper-link.ts'
import { pause } from '../service/pause.ts'

/** What the keeper has room for. */
const maxAddresses = 8

export type Watched = {
  listen(listener: (event: KeeperEvent) => void): () => void
  output(listener: (bytes: Buffer) => void): () => void
  signal: AbortSignal
}

/** Resolves when the service is ready; the caller watches for its end and for the time. */
export async function waitReady(ready: Ready, watched: Watched): Promise<void> {
  switch (ready.kind) {
    case 'exec':
      return hear(watched, 'exec')
    case 'delay':
      await hear(watched, 'exec')
      return pause(ready.ms, watched.signal)
    case 'line':
      return findLine(ready.pattern, watched)
    case 'http':
      return retry(() => answersHttp(ready), watched.signal)
    default:
      // The keeper sees it, and has written it down when it says so.
      return hear(watched, 'kept')
  }
}

/** Whether it answers as it is to answer when it is ready. */
export async function answersHttp({ url, status }: Extract<Ready, { kind: 'http' }>): Promise<boolean> {
  return (await import('./http.ts')).httpAnswers(url, status)
}

/** Where connections are to be accepted, for the keeper to look: "IP PORT", or the path of a socket. */
export async function reachAddresses(ready: Ready): Promise<string[]> {
  if (ready.kind === 'socket') return [ready.path]
  if (ready.kind !== 'port') return []
  if (isIpAddress(ready.host)) return [`${ready.host} ${ready.port}`]
  const { lookup } = await import('node:dns/promises')
  const found = await lookup(ready.host, { all: true }).catch(() => {
    const reason = `there is no host "${ready.host}"`
    throw new ToolError('CONFIG_INVALID', { where: 'ready.host', reason })
  })
  return found.slice(0, maxAddresses).map(({ address }) => `${address} ${ready.port}`)
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
    await pause(waited < 500 ? 5 : waited < 5000 ? 20 : 100, signal)
  }
}
