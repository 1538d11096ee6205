// How long a connect serves: each connection until its last client has left; one that nobody has used
// until no connection of this process has had a client for `lingerMs`, or nobody is left who could come; and none
// whose way is lost.
import type { ToolError } from '@plumbline/common/error/tool-error'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import type { ConnectionServer } from './connection-server.ts'

export type Lifetime = {
  lingerMs: number
  /** Whether somebody may read of the connections still. */
  hasReaders: (() => boolean) | undefined
  signal: AbortSignal
}

/** A signal for a whole pipeline reaches those above as well: only they know what they have begun, and how to end it. */
const patienceMs = 1000

/** How often is looked for readers; when twice there were none, whoever has read of the connections is on the way. */
const lookMs = 1000
const looks = 2

/**
 * Resolves when every server has been closed, by its clients' leaving, the linger, the signal, or the loss of its
 * connection: to the losses.
 */
export async function serveOut(
  servers: readonly ConnectionServer[],
  { lingerMs, hasReaders, signal }: Lifetime,
): Promise<ToolError[]> {
  const open = new Set(servers)
  const closing: Promise<void>[] = []
  const losses: ToolError[] = []
  let timer: NodeJS.Timeout | undefined
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))

  const close = (server: ConnectionServer): Promise<void> => {
    open.delete(server)
    const closed = server.close()
    closing.push(closed)
    if (open.size === 0) finish()
    return closed
  }
  const lose = (server: ConnectionServer, error: ToolError) => {
    // Below everything ends at the same time when a signal is for the whole pipeline.
    if (signal.aborted || !open.has(server)) return
    losses.push(error)
    void close(server)
  }
  const closeAll = () => [...open].forEach(close)
  const yieldAll = () => {
    for (const server of open)
      void server.vacate(patienceMs).then(() => void (open.has(server) && close(server)))
  }
  // Whoever only looks whether a socket is served must not keep it open by doing so, and neither must the next, who
  // comes before the first is seen to have left: when the time is up, only those count who were there in time.
  let quietSince = monotonicMs()
  const review = (hasWorked: boolean) => {
    if (hasWorked) {
      quietSince = monotonicMs()
      clearInterval(looking)
    }
    for (const server of open) if (server.used && !server.isHeldAt(quietSince)) void close(server)
    clearTimeout(timer)
    const deadline = quietSince + lingerMs
    if (servers.some((server) => server.isHeldAt(deadline))) return
    const left = deadline - monotonicMs()
    if (left <= 0) closeAll()
    else if (open.size > 0) timer = setTimeout(review, left, false)
  }

  let alone = 0
  const look = () => {
    // One that is here may be killed before it has said a word.
    const isHeld = servers.some((server) => server.isHeldAt(monotonicMs()))
    alone = !isHeld && hasReaders?.() === false ? alone + 1 : 0
    if (alone === looks) closeAll()
  }
  const looking = hasReaders && setInterval(look, lookMs)

  for (const server of servers) {
    server.onChange = review
    server.onClose = () => close(server)
    void server.connection.lost.then((error) => lose(server, error))
  }
  signal.addEventListener('abort', yieldAll, { once: true })
  if (servers.length === 0) finish()
  else if (signal.aborted) yieldAll()
  else review(false)
  await finished
  clearTimeout(timer)
  clearInterval(looking)
  signal.removeEventListener('abort', yieldAll)
  await Promise.all(closing)
  return losses
}
