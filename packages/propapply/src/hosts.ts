// The hosts: this machine, or every connection on standard input. A connection is opened as soon as its record is
// there; nothing is applied before the `end` record says that the list is whole.
import { hostname } from 'node:os'
import { isInputAbsent, readStdin } from '@plumbline/common/cli/input'
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { Connection } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { connectionRecord } from '@plumbline/common/records/connection'
import { formatMismatch, validate } from '@plumbline/common/records/validate'

export type Host = { name: string; open: Promise<Connection> }

export type Hosts = {
  hosts: Host[]
  /** Every hop upstream said that it succeeded. */
  upstreamOk: boolean
}

const input = 'standard input'

/** Standard input is for connections, unless it is absent, or not to be read. */
export async function findHosts(tool: Tool, local: boolean): Promise<Hosts> {
  if (local || isInputAbsent()) return { hosts: [await openThisMachine(tool)], upstreamOk: true }
  return readHosts(tool)
}

async function openThisMachine(tool: Tool): Promise<Host> {
  const { openLocal } = await import('@plumbline/common/connection/open-local')
  return { name: hostname(), open: Promise.resolve(openLocal(tool.environment).connection) }
}

/** Other records are passed on. Throws STREAM_TRUNCATED, RECORD_INVALID, with every connection closed. */
async function readHosts({ records, signal }: Tool): Promise<Hosts> {
  const found: Hosts = { hosts: [], upstreamOk: true }
  let ended = false
  try {
    for await (const batch of readRecords(abortable(readStdin(), signal), { input })) {
      for (const { record, line } of batch) {
        if (ended) throw new ToolError('RECORD_INVALID', { input, line, reason: 'a record after "end"' })
        if (record.type === 'connection') found.hosts.push(await parseHost(record, line))
        else if (record.type === 'end') {
          ended = true
          if (record['ok'] !== true) found.upstreamOk = false
        } else {
          if (record.type === 'error') found.upstreamOk = false
          await records.write(record as OutRecord)
        }
      }
    }
    if (!ended) throw new ToolError('STREAM_TRUNCATED', { input, hint: '-n applies to this machine' })
    return found
  } catch (error) {
    await Promise.all(found.hosts.map(closeHost))
    throw error
  }
}

async function parseHost(record: unknown, line: number): Promise<Host> {
  const checked = validate(connectionRecord, record)
  if ('mismatches' in checked) {
    const reason = checked.mismatches.map(formatMismatch).join(', ')
    throw new ToolError('RECORD_INVALID', { input, line, reason })
  }
  const { openClient } = await import('@plumbline/common/connection/client')
  const open = openClient(checked.value)
  // Whoever applies finds the failure; until then it is nobody's.
  open.catch(() => undefined)
  return { name: checked.value.host, open }
}

export async function closeHost({ open }: Host): Promise<void> {
  const connection = await open.catch(() => undefined)
  await connection?.close().catch(() => undefined)
}

/** A read from standard input cannot be cancelled, only no longer waited for. */
async function* abortable(source: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]()
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  aborted.catch(() => undefined)
  for (;;) {
    const { done, value } = await Promise.race([iterator.next(), aborted])
    if (done) return
    yield value
  }
}
