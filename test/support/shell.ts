// Runs pipelines of the programs as a user's shell would, and whole programs as processes.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'

export const root = resolve(import.meta.dirname, '../..')

export type Result = {
  stdout: string
  bytes: Buffer
  stderr: string
  status: number | null
  signal: string | null
}

export type ShellOptions = {
  env?: Record<string, string | undefined>
  cwd?: string
  input?: string | Buffer | AsyncIterable<string | Buffer>
}

export function environment(extra: Record<string, string | undefined> = {}): Record<string, string> {
  const path = [`${root}/node_modules/.bin`, process.env['PATH']].join(delimiter)
  const all = { PATH: path, HOME: process.env['HOME'], LANG: 'C.UTF-8', TZ: 'UTC', ...extra }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/**
 * A script for bash (which takes a socket for standard input as a sign of rshd, and would read .bashrc), in its own process group, with
 * standard input from /dev/null unless given.
 */
export function startShell(script: string, { env, cwd, input }: ShellOptions = {}): ChildProcess {
  const child = spawn('bash', ['--norc', '-c', script], {
    cwd: cwd ?? '/',
    env: environment(env),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  child.stdin?.on('error', () => undefined)
  if (typeof input === 'string' || Buffer.isBuffer(input)) child.stdin?.end(input)
  else if (input && child.stdin) Readable.from(input).pipe(child.stdin)
  return child
}

export async function shell(script: string, options: ShellOptions = {}): Promise<Result> {
  return finish(startShell(script, options))
}

export async function finish(child: ChildProcess): Promise<Result> {
  if (!child.stdout || !child.stderr) throw new Error('the child has no streams')
  const [bytes, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr), exited(child)])
  const { exitCode: status, signalCode: signal } = child
  return { bytes, stdout: bytes.toString('utf8'), stderr, status, signal }
}

/** Resolves when the process has ended, its streams aside. */
export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

export type TestRecord = { type: string; [key: string]: unknown }

export function recordsOf(stdout: string): TestRecord[] {
  return stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as TestRecord] : []))
}
