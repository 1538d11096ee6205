// `connect exec -- COMMAND`.
import type { Readable } from 'node:stream'
import { writeDiagnostic } from '@plumbline/common/cli/diagnose'
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { Running } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { bytesField } from '@plumbline/common/ndjson/bytes'
import { RecordWriter } from '@plumbline/common/ndjson/write'
import { quoteCommand } from '@plumbline/common/process/quote'
import type { Lower } from '../hop.ts'
import { checkInputFile, openInputFile } from './input-file.ts'
import type { Verb } from './run-verb.ts'

type Take = (bytes: Buffer) => Promise<void>

export const exec: Verb = {
  isRaw: (tool, alone) => alone && !tool.arguments.flags.has('records'),
  prepare: (tool) => {
    const { operands, flags, values } = tool.arguments
    if (operands.length === 0) throw new ToolError('USAGE', { reason: 'connect exec needs a command' })
    const command = flags.has('shell') ? operands.join(' ') : `exec ${quoteCommand(operands)}`
    const input = values['input']?.[0]
    checkInputFile(input, tool)
    return async (lower, alone) => {
      const raw = exec.isRaw(tool, alone)
      const status = await relay(tool, lower, { command, input, raw })
      if (!raw) await tool.records.write({ type: 'exit', host: lower.host, status })
      return status
    }
  },
}

async function relay(
  tool: Tool,
  { connection, host }: Lower,
  { command, input, raw }: { command: string; input: string | undefined; raw: boolean },
): Promise<number> {
  const stderr = new RecordWriter(2, 'standard error')
  const record = (stream: string) => (bytes: Buffer) =>
    tool.records.write({ type: 'output', host, stream, ...bytesField('data', bytes) })
  const content = input === undefined ? undefined : openInputFile(input).content
  const running = connection.run({ command })
  const stop = () => running.cancel()
  tool.signal.addEventListener('abort', stop, { once: true })
  if (content) feed(content, running, input)
  else running.stdin.end()
  try {
    await Promise.all([
      drain(running.stdout, raw ? (bytes) => tool.records.writeBytes(bytes) : record('stdout')),
      drain(running.stderr, raw ? (bytes) => stderr.writeBytes(bytes) : record('stderr')),
    ])
    return await running.status
  } finally {
    tool.signal.removeEventListener('abort', stop)
    content?.destroy()
  }
}

function feed(content: Readable, { stdin, cancel }: Running, path = ''): void {
  content
    .once('error', (error) => {
      writeDiagnostic(
        `connect: ${new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }).message}\n`,
      )
      cancel()
    })
    .pipe(stdin)
}

/** A stream that breaks off does so with the command, whose status rejects with the reason. */
async function drain(stream: Readable, take: Take): Promise<void> {
  const bytes: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  for (;;) {
    const next = await bytes.next().catch(() => ({ done: true as const, value: undefined }))
    if (next.done) return
    await take(next.value)
  }
}
