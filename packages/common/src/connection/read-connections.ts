// A stream of connections on standard input: connection records, and everything else, in order, up to its `end`
// record. One that stops without it was cut off, and nothing may be done on the strength of it.
import { readStdin } from '../cli/input.ts'
import { ToolError } from '../error/tool-error.ts'
import type { WireRecord } from '../ndjson/decode.ts'
import type { OutRecord } from '../ndjson/encode.ts'
import { passOn } from '../ndjson/pass-on.ts'
import { readRecords } from '../ndjson/read.ts'
import { connectionRecord, type ConnectionRecord } from '../records/connection.ts'
import { sweepSockets } from './sweep-sockets.ts'
import { formatMismatch, validate } from '../records/validate.ts'

export type ConnectionItem =
  | { kind: 'connection'; record: ConnectionRecord }
  /** A record of another type, to be passed on; an `error` among them makes the run fail. */
  | { kind: 'other'; record: OutRecord; failed: boolean }
  /** The last item: whether all went well upstream. */
  | { kind: 'end'; ok: boolean }

const input = 'standard input'

/**
 * Items in order. Throws STREAM_TRUNCATED, RECORD_INVALID, RECORD_TRUNCATED after the items before the fault; when
 * the signal is aborted, its reason. `hint` says how to do without a stream.
 */
export async function* readConnections({
  hint,
  signal,
  environment,
}: {
  hint: string
  signal: AbortSignal
  environment: NodeJS.ProcessEnv
}): AsyncGenerator<ConnectionItem> {
  let ended = false
  for await (const batch of readRecords(readStdin(signal), { input })) {
    for (const { record, line, bytes } of batch) {
      if (ended)
        throw new ToolError('RECORD_INVALID', { input, line, reason: 'a record after the "end" record' })
      if (record.type === 'connection') {
        yield { kind: 'connection', record: parseConnection(record, line) }
      } else if (record.type === 'end') {
        ended = true
        yield { kind: 'end', ok: record['ok'] === true }
      } else {
        yield { kind: 'other', record: passOn(record, bytes), failed: record.type === 'error' }
      }
    }
    // Not the end of the input, which may be far: timeout(1) and sudo(8) have the pipe open as long as they run.
    if (ended) return
  }
  // Who writes records and no end of them was killed, perhaps before we could know of its socket.
  await sweepSockets(environment)
  throw new ToolError('STREAM_TRUNCATED', { input, hint })
}

function parseConnection(record: WireRecord, line: number): ConnectionRecord {
  const checked = validate(connectionRecord, record)
  if ('value' in checked) return checked.value
  const reason = checked.mismatches.map(formatMismatch).join(', ')
  throw new ToolError('RECORD_INVALID', { input, line, reason })
}
