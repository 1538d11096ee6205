// `connect HOP`: opens the hop on every connection that comes in, emits the records in order, serves them.
import { closeSync, openSync } from 'node:fs'
import { parseDurationOption } from '@plumbline/common/cli/duration'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { sweepSockets } from '@plumbline/common/connection/sweep-sockets'
import { exitStatus } from '@plumbline/common/error/exit'
import type { Hop } from './hop.ts'
import { hopOptions } from './hop-options.ts'
import { Opener, type Outcome } from './opener.ts'
import { Secrets } from './secrets.ts'
import { loadSession } from './serve/connection-server.ts'
import { serveOut } from './serve/lifetime.ts'
import { openRuntimeDirectory } from './serve/runtime-directory.ts'
import { watchReaders } from './serve/record-readers.ts'
import { readUpstream } from './upstream.ts'

/** Who reads what a killed connect has written finds its socket sooner. */
const sweptAfterMs = 60_000

/** Whoever is done sooner has no time for what others have left. */
const sweepsAfterMs = 1000

export async function openHops(tool: Tool, hop: Hop): Promise<number> {
  const { values } = tool.arguments
  const lingerMs = parseDurationOption(values['linger']?.[0] ?? hopOptions.linger.default, '--linger')
  const timeoutMs = parseDurationOption(values['timeout']?.[0] ?? hopOptions.timeout.default, '--timeout')
  const targets = hop.targets(tool.arguments)
  const directory = openRuntimeDirectory(tool.environment)
  const secrets = new Secrets(tool)
  const opener = new Opener({ tool, hop, timeoutMs, directory, secrets })
  let upstreamOk = true
  const counts = { connections: 0, errors: 0 }
  // Records leave in the order in which what they answer came in, each as soon as those before it have.
  let emitted = Promise.resolve()
  const emit = (outcome: Promise<Outcome>) => {
    emitted = emitted.then(async () => {
      const { record, failed } = await outcome
      if (record.type === 'connection') counts.connections++
      if (failed) counts.errors++
      await tool.records.write(record)
    })
    emitted.catch(() => undefined)
  }
  try {
    for await (const item of readUpstream(tool)) {
      if (item.kind === 'end') upstreamOk = item.ok
      else if (item.kind === 'other') emit(Promise.resolve(item))
      else for (const outcome of opener.open(item, targets)) emit(outcome)
    }
    await emitted
    const ok = upstreamOk && counts.errors === 0
    await tool.records.write({ type: 'end', tool: 'connect', ok, counts })
    await tool.records.flush()
    // Whoever names a time has a use for the record later.
    const hasReaders = values['linger'] ? undefined : watchReaders(1)
    closeOutput()
    await loadSession()
    let swept: Promise<void> | undefined
    const sweep = () => (swept = sweepSockets(tool.environment, { agedMs: sweptAfterMs }))
    const sweeping = setTimeout(sweep, sweepsAfterMs)
    const lost = await serveOut(opener.servers, { lingerMs, hasReaders, signal: tool.signal })
    clearTimeout(sweeping)
    await swept
    for (const error of lost) tool.diagnose(error.message)
    return ok && lost.length === 0 ? exitStatus.ok : exitStatus.someFailed
  } finally {
    await opener.close()
    directory.remove(opener.sockets)
  }
}

/** The reader's end of file. Number 1 stays taken, or the next socket that is opened would get it. */
function closeOutput(): void {
  closeSync(1)
  openSync('/dev/null', 'w')
}
