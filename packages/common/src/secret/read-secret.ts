// Reads a secret from where the user said: a file, a descriptor, a command.
import { readFileSync, readSync } from 'node:fs'
import { ToolError } from '../error/tool-error.ts'
import { reasonOf } from '../error/translate.ts'
import { Secret } from './secret.ts'
import type { SecretSource } from './secret-options.ts'

const longest = 4096

/** The first line, without its end. Throws SECRET_UNREADABLE. `what` is "password" or the like. */
export async function readSecret(source: SecretSource, what: string): Promise<Secret> {
  try {
    const bytes = await readSource(source)
    const end = bytes.indexOf(0x0a)
    const line = end < 0 ? bytes : bytes.subarray(0, end)
    if (line.length === 0) throw new Error('it is empty')
    if (line.length > longest) throw new Error(`its first line is longer than ${longest} bytes`)
    return new Secret(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
  } catch (error) {
    throw new ToolError('SECRET_UNREADABLE', { what, source: nameSource(source), reason: reasonOf(error) })
  }
}

async function readSource(source: SecretSource): Promise<Buffer> {
  if ('file' in source) return readFileSync(source.file)
  if ('descriptor' in source) return readDescriptor(source.descriptor)
  return readOutput(source.command)
}

async function readOutput(command: string): Promise<Buffer> {
  const { spawn } = await import('node:child_process')
  const { buffer } = await import('node:stream/consumers')
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<[number | null, string | null]>((resolve) => {
    child.once('exit', (...how) => resolve(how))
  })
  const [bytes, [status, signal]] = await Promise.all([buffer(child.stdout), ended])
  if (signal !== null) throw new Error(`it was ended by ${signal}`)
  if (status !== 0) throw new Error(`it ended with status ${status}`)
  return bytes
}

/** One line and no more: a descriptor may carry a secret for someone else after it. */
function readDescriptor(fd: number): Buffer {
  const bytes: number[] = []
  const one = Buffer.alloc(1)
  while (bytes.length <= longest && readSync(fd, one, 0, 1, null) === 1 && one[0] !== 0x0a)
    bytes.push(one[0] ?? 0)
  return Buffer.from(bytes)
}

function nameSource(source: SecretSource): string {
  if ('file' in source) return `"${source.file}"`
  return 'descriptor' in source ? `descriptor ${source.descriptor}` : 'its command'
}
