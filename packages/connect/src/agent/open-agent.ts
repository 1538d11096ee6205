// An agent as this side holds it: the first words with it, then a connection over its standard streams.
import { AgentConnection, type Fork } from './agent-connection.ts'
import type { Connection, Place, Running } from '@plumbline/common/connection/connection'
import { openStream } from '@plumbline/common/connection/client'
import { KeptStream } from '@plumbline/common/connection/kept-stream'
import { reasonOf } from '@plumbline/common/error/translate'
import { receivedError } from '@plumbline/common/error/received-error'
import { ToolError } from '@plumbline/common/error/tool-error'
import { within } from '@plumbline/common/process/within'
import { validate } from '@plumbline/common/records/validate'
import { agentRecord } from './agent.ts'
import { LineReader } from './line-reader.ts'

export type Opening = {
  hop: string
  timeoutMs: number
  intervalMs: number
  /** The agent's bytes, sent when it asks for them. */
  bytes: Buffer | undefined
  /** Starts a fresh agent with these changes. */
  fork?: Fork
}

export type OpenedAgent = { connection: Connection; place: Place }

/** No agent was started, since there is nothing to run it. */
export class RuntimeMissing extends Error {}

/** Throws HOP_TIMEOUT, HOP_FAILED, what the agent says, or RuntimeMissing; nothing is then left there. */
export async function openAgent(running: Running, opening: Opening): Promise<OpenedAgent> {
  const { hop, timeoutMs, intervalMs } = opening
  running.stdin.on('error', () => undefined)
  try {
    const place = await within(greet(running, opening), timeoutMs)
    if (!place) throw new ToolError('HOP_TIMEOUT', { hop, ms: timeoutMs })
    let lost = 'the agent has ended'
    const silent = () => void (lost = 'nothing was heard of the agent')
    const stream = new KeptStream({ input: running.stdout, output: running.stdin, intervalMs, silent })
    running.status.catch((error: unknown) => (lost = reasonOf(error))).finally(stream.leave)
    const served = openStream(stream, { host: hop, agent: true, lost: () => lost })
    return { connection: new AgentConnection(served, running, opening.fork ?? forkOf(served)), place }
  } catch (error) {
    running.cancel()
    throw error
  }
}

function forkOf({ fork }: Connection): Fork {
  if (fork) return fork
  throw new ToolError('INTERNAL', { reason: 'an agent that cannot fork' })
}

/** One for each Node that is tried there at most. */
const mostAsked = 100

const strange = (hop: string, reason: string) =>
  new ToolError('PROTOCOL', { peer: `the agent of ${hop}`, reason })

async function greet(running: Running, { hop, bytes }: Opening): Promise<Place> {
  const stderr = keepTail(running)
  const lines = new LineReader(running.stdout)
  let asked = 0
  for (;;) {
    const line = await lines.next()
    if (line === undefined) {
      if (lines.isTooLong) throw strange(hop, 'what it says is no line')
      const status = await running.status
      throw new ToolError('HOP_FAILED', { hop, reason: stderr() || `its agent ended with status ${status}` })
    }
    const record = parseLine(line)
    if (record?.['type'] === 'want' && bytes) {
      if (++asked > mostAsked) throw strange(hop, 'it asks for its program again and again')
      running.stdin.write(bytes)
    } else if (record?.['type'] === 'missing') throw new RuntimeMissing()
    else if (record?.['type'] === 'error') throw receivedError(record)
    else if (record?.['type'] === 'agent') {
      lines.release()
      const checked = validate(agentRecord, record)
      if ('value' in checked) return placeOf(checked.value)
      throw strange(hop, 'it does not say where it is')
    }
  }
}

const placeOf = ({ user, uid, home }: Place): Place => ({ user, uid, home })

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const tailLength = 1000

/** The end of what it says on stderr, for errors. */
function keepTail({ stderr }: Running): () => string {
  let tail = ''
  stderr.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString('utf8')).slice(-tailLength)))
  return () => tail.trim().split('\n').slice(-5).join(' | ')
}
