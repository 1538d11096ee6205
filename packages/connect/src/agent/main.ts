// Entry of the agent: what runs on the far side, until its standard input ends.
import { closeSync } from 'node:fs'
import { KeptStream } from '@plumbline/common/connection/kept-stream'
import { toToolError } from '@plumbline/common/error/translate'
import { encodeRecord } from '@plumbline/common/ndjson/encode'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { ClientSession } from '../serve/client-session.ts'
import type { Agent, AgentConfig } from './agent.ts'
import { becomeChanged } from './become.ts'
import { makeForker } from './fork.ts'
import { NativeConnection } from './native-connection.ts'

/** Handed in by the loader. */
declare const plumbline: Agent

/** A request that does not end when it is told to must not keep the agent for ever. */
const latestEndMs = 8000

async function serve(config: AgentConfig): Promise<void> {
  const { place, environment } = arrive(config)
  const { host, intervalMs } = config
  process.title = 'plumbline-agent'
  process.stdout.write(encodeRecord({ type: 'agent', ...place, node: process.versions.node }))
  const { stdin: input, stdout: output } = process
  const stream = new KeptStream({ input, output, intervalMs, silent: () => undefined })
  // Nobody is left to read an answer.
  stream.once('end', () => stream.destroy())
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stream.leave)
  const fork = makeForker(plumbline, config)
  const connection = new NativeConnection({ host, place, environment, fork })
  void connection.lost.then(stream.leave)
  await new ClientSession(connection, stream).serve()
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), latestEndMs).unref()
  await connection.close()
  process.stdin.destroy()
}

function arrive({ place, changes, descriptors }: AgentConfig) {
  if (place) return { place, environment: process.env }
  const arrival = becomeChanged(changes, process.env)
  for (let index = 0; index < descriptors; index++) closeSync(3 + index)
  process.umask(0o022)
  return arrival
}

serve(JSON.parse(plumbline.config) as AgentConfig).catch((error: unknown) => {
  process.stdout.write(encodeRecord(makeErrorRecord('connect', toToolError(error))))
  process.stdin.destroy()
  process.exitCode = 1
})
