// What a command on this machine prints, as data. It may ask its user on the terminal; standard input is not its.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'

/** It is kept in memory. */
const longest = 64 * 1024 * 1024

type Where = { name: string; directory: string }

/** Throws DATA_UNAVAILABLE with what the command said. */
export async function runSource(argv: readonly string[], { name, directory }: Where): Promise<Buffer> {
  const [command = '', ...args] = argv
  const fail = (reason: string) => new ToolError('DATA_UNAVAILABLE', { name, reason })
  const child = spawn(command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  type End = [status: number | null, signal: NodeJS.Signals | null]
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', (error) => {
      reject(fail(errnoOf(error) === 'ENOENT' ? `there is no ${command} command here` : reasonOf(error)))
    })
    child.once('close', (...end: End) => resolve(end))
  })
  const chunks: Buffer[] = []
  let length = 0
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length <= longest) chunks.push(chunk)
    else child.kill()
  })
  const [[status, signal], said] = await Promise.all([ended, text(child.stderr)])
  if (length > longest) throw fail(`it is longer than ${longest} bytes`)
  if (status === 0) return Buffer.concat(chunks)
  const lines = said.trim().split('\n').slice(-3).join(' | ')
  throw fail(lines || `${command} ${signal ? `was ended by ${signal}` : `ended with status ${status}`}`)
}
