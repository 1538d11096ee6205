// Guix's conversation with the program that offers builds to other machines: `GUIX offload SYSTEM SILENCE TRACE TIMEOUT`.
//
//   us → hook   "0" | "1" " " SYSTEM " " DRV " " [ feature { "," feature } ] LF      1: it could be built here at once
//   hook → us   text lines, for the log, until one of "# decline" "# postpone" "# accept"
//   us → hook   after accept: inputs, then missing outputs, a line each, a space after each path; end of file
//   hook → us   on descriptor 4 the build's log; exit status 0 done, 100 failed for good, 101 took too long
//
// It says all else on one pipe, which its standard error is too. What it has built it registers itself.
import { spawn, type ChildProcess } from 'node:child_process'
import { env } from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { LineSplitter } from '@plumbline/common/ndjson/line-splitter'
import { Mutex } from '../store/mutex.ts'
import { BuildFailure } from './build-failure.ts'
import type { BuildJob } from './build-job.ts'
import type { BuildSettings } from './build-settings.ts'
import { splitWords } from './environment.ts'

type Hook = {
  child: ChildProcess
  input: Writable
  lines: AsyncGenerator<string>
  log: Readable
  exit: Promise<number>
}

const maxLine = 1024 * 1024

/** The hook of one call: it is kept for as long as it declines. */
export class OffloadHook {
  readonly #program: string
  readonly #settings: BuildSettings
  readonly #trace: boolean
  readonly #mutex = new Mutex()
  #idle: Hook | undefined

  constructor(program: string, settings: BuildSettings, trace: boolean) {
    this.#program = program
    this.#settings = settings
    this.#trace = trace
  }

  /**
   * Whether it took the build, which is then done. Throws BuildFailure. `isFree`: whether it could be built here
   * without waiting.
   */
  async offer(
    job: BuildJob,
    missing: readonly string[],
    isFree: boolean,
  ): Promise<'declined' | 'postponed' | 'done'> {
    await this.#mutex.take()
    let hook: Hook
    try {
      hook = this.#idle ?? this.#start()
      this.#idle = undefined
      const answer = await this.#ask(hook, job, isFree)
      if (answer !== 'accept') {
        this.#idle = hook
        return answer === 'postpone' ? 'postponed' : 'declined'
      }
    } finally {
      this.#mutex.release()
    }
    await runRemotely(hook, job, missing)
    return 'done'
  }

  close(): void {
    this.#idle?.child.kill('SIGKILL')
    this.#idle = undefined
  }

  #start(): Hook {
    const { system, silenceMs, timeoutMs } = this.#settings
    const args = ['offload', system, `${silenceMs / 1000}`, this.#trace ? '1' : '0', `${timeoutMs / 1000}`]
    // One pipe for what it says, whichever of its two outputs it uses.
    const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', this.#program, ...args], {
      stdio: ['pipe', 'pipe', 'inherit', 'ignore', 'pipe'],
      cwd: '/',
      detached: true,
      env,
    })
    const [input, output, , , log] = child.stdio
    if (!input || !output || !log) throw new Error('the offload hook has no pipes')
    input.on('error', () => undefined)
    const exit = new Promise<number>((resolve) => {
      child.on('error', () => resolve(127)).on('exit', (code) => resolve(code ?? 1))
    })
    return { child, input, lines: linesOf(output as Readable), log: log as Readable, exit }
  }

  async #ask(hook: Hook, { derivation, path, sink }: BuildJob, isFree: boolean): Promise<string> {
    const features = splitWords(variable(derivation, 'requiredSystemFeatures')).join(',')
    hook.input.write(`${isFree ? 1 : 0} ${derivation.system} ${path} ${features}\n`, 'latin1')
    for (;;) {
      const next = await hook.lines.next()
      if (next.done) throw new BuildFailure('unstarted', 'the offload hook died unexpectedly')
      const [, word] = /^# (decline|postpone|accept)/.exec(next.value) ?? []
      if (word !== undefined) return word
      sink.say(0, next.value)
    }
  }
}

async function runRemotely(hook: Hook, job: BuildJob, missing: readonly string[]): Promise<void> {
  const { sink, signal, path, session } = job
  const list = (paths: readonly string[]) => `${paths.map((each) => `${each} `).join('')}\n`
  hook.input.end(list(job.inputs) + list(missing), 'latin1')
  sink.started(hook.child.pid ?? 0)
  const kill = () => hook.child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  const said = passLines(hook, job)
  for await (const chunk of hook.log as AsyncIterable<Buffer>) await sink.output(chunk)
  const status = await hook.exit
  await said
  signal.removeEventListener('abort', kill)
  if (signal.aborted) throw new BuildFailure('cancelled', `building of \`${path}' was cancelled`)
  if (status === 100)
    throw new BuildFailure('permanent', `builder for \`${path}' failed with exit code ${status}`)
  if (status === 101) throw new BuildFailure('timeout', `building of \`${path}' timed out`)
  if (status !== 0) {
    const reason = `build hook for \`${path}' failed with exit code ${status}`
    sink.trace(`hook-failed ${path} - ${status} ${reason}`)
    throw new BuildFailure('hook', reason)
  }
  const lacking = missing.find((output) => session.store.database.idOf(output) === undefined)
  if (lacking !== undefined) {
    throw new BuildFailure('rejected', `builder for \`${path}' failed to produce output path \`${lacking}'`)
  }
}

async function passLines(hook: Hook, { sink }: BuildJob): Promise<void> {
  for await (const line of hook.lines) sink.say(0, line)
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  const splitter = new LineSplitter(maxLine)
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const { bytes } of splitter.push(chunk)) yield bytes.toString('latin1')
  }
  for (const { bytes } of splitter.end()) yield bytes.toString('latin1')
}

function variable({ environment }: Derivation, name: string): string | undefined {
  return environment.find(([each]) => each === name)?.[1]
}
