// What comes in on standard input: connections, and everything else, in order. A stream of connections ends with an
// `end` record; one that does not was cut off, and then nothing may be done on the strength of it.
import { isInputAbsent, readStdin } from '@plumbline/common/cli/input'
import { openClient } from '@plumbline/common/connection/client'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { WireRecord } from '@plumbline/common/ndjson/decode'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { connectionRecord, type ConnectionRecord } from '@plumbline/common/records/connection'
import { formatMismatch, validate } from '@plumbline/common/records/validate'
import type { Lower } from './hop.ts'
import { openThisMachine } from './this-machine.ts'

export type UpstreamItem =
  | { kind: 'connection'; host: string; hops: readonly string[]; open: () => Promise<Lower> }
  /** A record of another type, to be passed on; an `error` among them makes the run fail. */
  | { kind: 'other'; record: OutRecord; failed: boolean }

const input = 'standard input'

/** Items in order. Throws STREAM_TRUNCATED, RECORD_INVALID, RECORD_TRUNCATED after the items before the fault. */
export async function* readUpstream(
  local: boolean,
  environment: NodeJS.ProcessEnv,
): AsyncGenerator<UpstreamItem> {
  if (local || isInputAbsent()) {
    const lower = openThisMachine(environment)
    yield { kind: 'connection', host: lower.host, hops: [], open: async () => lower }
    return
  }
  let ended = false
  for await (const batch of readRecords(readStdin(), { input })) {
    for (const { record, line } of batch) {
      if (ended)
        throw new ToolError('RECORD_INVALID', { input, line, reason: 'a record after the "end" record' })
      if (record.type === 'end') ended = true
      else if (record.type === 'connection') yield toConnection(record, line)
      else yield { kind: 'other', record: record as OutRecord, failed: record.type === 'error' }
    }
  }
  if (!ended) throw new ToolError('STREAM_TRUNCATED', { input, hint: '-n starts at this machine' })
}

function toConnection(record: WireRecord, line: number): UpstreamItem {
  const checked = validate(connectionRecord, record)
  if ('mismatches' in checked) {
    const [first] = checked.mismatches
    throw new ToolError('RECORD_INVALID', {
      input,
      line,
      reason: first ? formatMismatch(first) : 'no connection',
    })
  }
  const { value } = checked
  return { kind: 'connection', host: value.host, hops: value.hops, open: () => openLower(value) }
}

async function openLower(record: ConnectionRecord): Promise<Lower> {
  const { user, uid, home, host, hops } = record
  return { connection: await openClient(record), place: { user, uid, home }, host, hops }
}
