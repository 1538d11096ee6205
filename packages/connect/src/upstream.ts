// What comes in on standard input, or this machine where there is none to read.
import { isInputAbsent } from '@plumbline/common/cli/input'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { openClient } from '@plumbline/common/connection/client'
import { readConnections } from '@plumbline/common/connection/read-connections'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import type { ConnectionRecord } from '@plumbline/common/records/connection'
import type { Lower } from './hop.ts'
import { openThisMachine } from './this-machine.ts'

export type UpstreamConnection = {
  kind: 'connection'
  host: string
  hops: readonly string[]
  /** Connects at once: a connection waits for its client only so long. */
  lower: Promise<Lower>
}

export type UpstreamItem =
  | UpstreamConnection
  /** A record of another type, to be passed on; an `error` among them makes the run fail. */
  | { kind: 'other'; record: OutRecord; failed: boolean }
  | { kind: 'end'; ok: boolean }

/** Items in order. Throws as readConnections() does. */
export async function* readUpstream({
  arguments: { flags },
  environment,
  signal,
}: Tool): AsyncGenerator<UpstreamItem> {
  if (flags.has('local') || isInputAbsent()) {
    const lower = openThisMachine(environment)
    yield { kind: 'connection', host: lower.host, hops: [], lower: Promise.resolve(lower) }
    return
  }
  for await (const item of readConnections({ hint: '-n starts at this machine', signal, environment })) {
    if (item.kind !== 'connection') yield item
    else {
      const { host, hops } = item.record
      const lower = openLower(item.record)
      // Whoever uses it finds the failure; until then it is nobody's.
      lower.catch(() => undefined)
      yield { kind: 'connection', host, hops, lower }
    }
  }
}

async function openLower(record: ConnectionRecord): Promise<Lower> {
  const { user, uid, home, host, hops } = record
  return { connection: await openClient(record), place: { user, uid, home }, host, hops }
}
