// runlines, readfile and writefile, for any connection that can run.
import { dirname, join } from 'node:path/posix'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { signalStatus } from '../error/exit.ts'
import { ToolError } from '../error/tool-error.ts'
import { toToolError } from '../error/translate.ts'
import type { Running, RunRequest, WriteOptions } from './connection.ts'
import { quoteWord } from '../process/quote.ts'
import { randomBytes } from '../process/random-bytes.ts'
import { longestRequest } from '../records/verb.ts'
import { fileStatus, formatBlock, formatRead, formatWrite } from './file-commands.ts'

type Runner = { readonly host: string; run(request: RunRequest): Running }

/** The exit status of a command that was killed. */
const killed = signalStatus(9)

/** Of a failed command's stderr, its end goes into the error. */
const quotedBytes = 2000
/** Characters may be of four bytes, and white space is left out. */
const keptBytes = 16 * 1024

export async function runlines(runner: Runner, request: RunRequest): Promise<string[]> {
  const running = runner.run(request)
  running.stdin.end()
  const [stdout, stderr, status] = await Promise.all([whole(running), ending(running.stderr), running.status])
  if (stdout === undefined) {
    const reason = `it is longer than ${longestRequest} bytes`
    throw new ToolError('PROTOCOL', { peer: 'the output of a command', reason })
  }
  if (status !== 0) throw new ToolError('COMMAND_FAILED', { status, stderr: tail(stderr) })
  const lines = stdout.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

export function readfile(runner: Runner, path: string): Readable {
  const out = new PassThrough()
  const running = runner.run({ command: formatRead(path) })
  running.stdin.end()
  const stderr = ending(running.stderr)
  out.once('close', () => {
    if (!out.readableEnded) running.cancel()
  })
  // The end is held back until the status is known: a file that could not be read to its end must not look whole.
  running.stdout.pipe(out, { end: false })
  const ended = new Promise((resolve) => running.stdout.once('end', resolve).once('close', resolve))
  void (async () => {
    const status = await running.status
    await ended
    if (status === 0) return out.end()
    const details = { path, host: runner.host, reason: tail(await stderr) || `status ${status}` }
    throw new ToolError(status === fileStatus.notFound ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', details)
  })().catch((error) => out.destroy(toToolError(error)))
  return out
}

export async function writefile(
  runner: Runner,
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  const temporary = join(dirname(path), `.plumbline-${randomBytes(8).toString('hex')}`)
  const running = runner.run({ command: formatWrite(path, temporary, options) })
  const settled = finish(running, runner.host, path, () => removeRest(runner, temporary))
  settled.catch(() => undefined)
  let failure: unknown
  const source = async function* () {
    try {
      yield* options.bytes === undefined ? inBlocks(content) : content
    } catch (error) {
      failure = error
      throw error
    }
  }
  // The content may fail; or the command ends without all of it, and nobody takes the rest.
  const sent = pipeline(source(), running.stdin).catch(() => running.cancel())
  await Promise.race([sent, settled.catch(() => undefined)])
  await settled.catch((error) => {
    throw failure === undefined ? error : toToolError(failure)
  })
}

async function* inBlocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of content) if (chunk.length > 0) yield formatBlock(chunk)
  yield formatBlock(new Uint8Array())
}

async function finish(running: Running, host: string, path: string, clean: () => Promise<void>) {
  running.stdout.resume()
  const [stderr, status] = await Promise.all([ending(running.stderr), running.status])
  if (status === 0) return
  if (status === killed) await clean()
  const words = status === fileStatus.short ? 'the content ended early' : tail(stderr)
  throw new ToolError('FILE_UNWRITABLE', { path, host, reason: words || `status ${status}` })
}

/** Who was to remove it has been killed; where the connection is, too, nobody can. */
async function removeRest(runner: Runner, path: string): Promise<void> {
  await runlines(runner, { command: `rm -f -- ${quoteWord(path)}` }).catch(() => undefined)
}

/** Standard output; undefined, and the command cancelled, when it is more than memory is there for. */
async function whole({ stdout, cancel }: Running): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  stdout.on('data', (chunk: Buffer) => {
    const fits = bytes <= longestRequest
    bytes += chunk.length
    if (bytes <= longestRequest) chunks.push(chunk)
    else if (fits) cancel()
  })
  await over(stdout)
  return bytes <= longestRequest ? Buffer.concat(chunks).toString('utf8') : undefined
}

/** More than what tail() leaves of it is not kept. */
async function ending(stderr: Readable): Promise<string> {
  let kept: Buffer = Buffer.alloc(0)
  stderr.on('data', (chunk: Buffer) => (kept = Buffer.concat([kept, chunk]).subarray(-keptBytes)))
  await over(stderr)
  return kept.toString('utf8')
}

async function over(stream: Readable): Promise<void> {
  await new Promise((resolve) => stream.once('end', resolve).once('close', resolve))
}

function tail(words: string): string {
  return words.trim().slice(-quotedBytes)
}
