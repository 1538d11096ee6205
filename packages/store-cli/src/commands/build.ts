// Builds derivations, or says what would be built: a record for each step, and the paths at the end.
import { ToolError } from '@plumbline/common/error/tool-error'
import { isTerminal } from '@plumbline/common/cli/terminal'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { storeName } from '@plumbline/common/store/store-path'
import { BuildEventParser, type BuildEvent } from '../build-events.ts'
import { planBuild } from '../build-plan.ts'
import { BuildProgress } from '../build-progress.ts'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import { buildThings, queryOutputNames, queryOutputs, queryValidPaths, type BuildMode } from '../queries.ts'

const lastLines = 10

export async function build(context: Context): Promise<void> {
  const mode = chooseMode(context)
  const things = await readAllPaths(context)
  const useSubstitutes = !context.has('no-substitutes')
  await context.client.setOptions(readSettings(context), {
    // What a check finds is there to be looked at.
    keepFailed: context.has('keep-failed') || mode === 'check',
    keepGoing: context.has('keep-going'),
    fallback: context.has('fallback'),
    verbosity: 0,
    trace: true,
    substitutes: useSubstitutes,
  })
  const run = new BuildRun(context)
  try {
    // A check or a repair is about what is there.
    if (mode === 'normal') await run.plan(things, useSubstitutes)
    if (!context.has('dry-run')) await run.build(things, mode)
  } catch (error) {
    await context.fail(error)
  }
  await context.end(run.counts)
}

class BuildRun {
  readonly counts = { planned: 0, built: 0, substituted: 0, failed: 0 }
  readonly #context: Context
  readonly #builders = new Map<number, string>()
  readonly #logs = new Map<string, { rest: string; last: string[] }>()
  #progress: BuildProgress | undefined

  constructor(context: Context) {
    this.#context = context
  }

  async plan(things: readonly string[], useSubstitutes: boolean): Promise<void> {
    const { builds, substitutes } = await planBuild(this.#context.client, things, useSubstitutes)
    for (const { path, downloadSize, narSize } of substitutes) {
      const sizes = { download_bytes: downloadSize, nar_bytes: narSize }
      await this.#context.emit({ type: 'download', state: 'planned', path: fromByteString(path), ...sizes })
    }
    for (const { path, outputs } of builds) {
      const record = { type: 'build', state: 'planned', path: fromByteString(path) }
      await this.#context.emit({ ...record, outputs: outputs.map(fromByteString) })
    }
    this.counts.planned = builds.length + substitutes.length
  }

  async build(things: readonly string[], mode: BuildMode): Promise<void> {
    const { client } = this.#context
    const parser = new BuildEventParser()
    this.#progress = new BuildProgress(this.counts.planned, isTerminal(2) && !this.#context.has('quiet'))
    client.onLogBytes = async (bytes) => {
      for (const event of parser.push(bytes)) await this.#take(event)
    }
    try {
      await buildThings(client, things, mode)
    } finally {
      client.onLogBytes = undefined
      this.#progress.end()
      for (const path of this.#logs.keys()) await this.#print(path, '', true)
    }
    for (const thing of things) await this.#showOutputs(thing)
  }

  async #take(event: BuildEvent): Promise<void> {
    if (event.what === 'output') return this.#print(this.#builders.get(event.pid), event.bytes, false)
    if (event.what === 'message') {
      this.#progress?.clear()
      this.#context.client.onLog(fromByteString(event.text))
      return undefined
    }
    const [name = '', path = '', ...words] = event.words
    await traces[name]?.call(this, path, words)
  }

  async started(path: string, [, system = '', log = '', pid = '']: string[]): Promise<void> {
    this.#builders.set(Number(pid), path)
    this.#logs.set(path, { rest: '', last: [] })
    this.#progress?.started(path)
    const record = { type: 'build', state: 'started', path: fromByteString(path) }
    await this.#context.emit({ ...record, system, log: fromByteString(log), pid: Number(pid) })
  }

  async ended(path: string, failure: string | undefined): Promise<void> {
    // In a check, success is told twice.
    if (!this.#logs.has(path) && failure === undefined) return
    await this.#print(path, '', true)
    const last = this.#logs.get(path)?.last ?? []
    this.#logs.delete(path)
    const ms = this.#progress?.ended(path) ?? 0
    this.#progress?.clear()
    this.counts[failure === undefined ? 'built' : 'failed']++
    const record = {
      type: 'build',
      state: failure === undefined ? 'succeeded' : 'failed',
      path: fromByteString(path),
      ms,
    }
    await this.#context.emit(failure === undefined ? record : { ...record, reason: fromByteString(failure) })
    if (failure === undefined || !this.#context.isForPeople) return
    for (const line of last) this.#context.tool.diagnose(`  ${line}`)
    this.#context.tool.diagnose(`all of it: store-cli log ${fromByteString(path)}`)
  }

  async substitute(state: 'started' | 'succeeded' | 'failed', path: string, words: string[]): Promise<void> {
    if (state === 'started') this.#progress?.downloading(path, 0, 0)
    else this.#progress?.downloaded(path)
    if (state === 'succeeded') this.counts.substituted++
    const reason = state === 'failed' ? { reason: fromByteString(words.slice(1).join(' ')) } : {}
    await this.#context.emit({ type: 'download', state, path: fromByteString(path), ...reason })
  }

  downloading(path: string, size: number, done: number): void {
    this.#progress?.downloading(path, size, done)
  }

  /** Whole lines, as records; on a terminal they are for the progress, and for when it fails. */
  async #print(path: string | undefined, bytes: string, isEnd: boolean): Promise<void> {
    const log = path === undefined ? undefined : this.#logs.get(path)
    if (!log || path === undefined) return
    const lines = (log.rest + bytes).split('\n')
    log.rest = isEnd ? '' : (lines.pop() ?? '')
    if (isEnd && lines.at(-1) === '') lines.pop()
    for (const line of lines) {
      log.last = [...log.last.slice(1 - lastLines), fromByteString(line)]
      this.#progress?.printed(path, fromByteString(line))
      if (!this.#context.isForPeople) await this.#context.emit(logRecord(path, line))
    }
  }

  async #showOutputs(thing: string): Promise<void> {
    const { client } = this.#context
    const [path = '', names] = thing.split('!')
    if (!path.endsWith('.drv')) {
      // Nobody had it, which the daemon does not call a failure.
      const isThere = (await queryValidPaths(client, [path])).length > 0
      return this.#context.emit({ type: 'path', path: fromByteString(path), valid: isThere })
    }
    const wanted = names?.split(',')
    const outputs = await queryOutputs(client, path)
    const outputNames = await queryOutputNames(client, path)
    const own = storeName(path).replace(/\.drv$/, '')
    for (const name of wanted ?? outputNames) {
      const output = outputs.find((each) => storeName(each) === (name === 'out' ? own : `${own}-${name}`))
      if (output) await this.#context.emit({ type: 'path', path: fromByteString(output), output: name })
    }
  }
}

/** By the first word of a line for programs. */
const traces: Readonly<
  Record<string, (this: BuildRun, path: string, words: string[]) => void | Promise<void>>
> = {
  'build-started'(path, words) {
    return this.started(path, words)
  },
  'build-succeeded'(path) {
    return this.ended(path, undefined)
  },
  'build-failed'(path, [, ...words]) {
    const [status = '', ...message] = words
    return this.ended(path, message.length > 0 ? message.join(' ') : status)
  },
  'substituter-started'(path, words) {
    return this.substitute('started', path, words)
  },
  'substituter-succeeded'(path, words) {
    return this.substitute('succeeded', path, words)
  },
  'substituter-failed'(path, words) {
    return this.substitute('failed', path, words)
  },
  'download-progress'(path, [, size = '0', done = '0']) {
    this.downloading(path, Number(size), Number(done))
  },
}

function logRecord(path: string, line: string) {
  const text = fromByteString(line)
  const isText = toByteString(text) === line
  const record = { type: 'log', path: fromByteString(path) }
  return isText
    ? { ...record, text }
    : { ...record, text_base64: Buffer.from(line, 'latin1').toString('base64') }
}

function chooseMode(context: Context): BuildMode {
  if (context.has('check') && context.has('repair')) {
    throw new ToolError('USAGE', { reason: '--check and --repair exclude each other' })
  }
  return context.has('check') ? 'check' : context.has('repair') ? 'repair' : 'normal'
}

function readSettings(context: Context): Record<string, string> {
  const settings: Record<string, string> = {
    'print-extended-build-trace': '1',
    'multiplexed-build-output': 'true',
  }
  const number = (option: string, setting: string, less = 0) => {
    const text = context.option(option)
    if (text === undefined) return
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) < less) {
      throw new ToolError('USAGE', { reason: `--${option} needs a number, not "${text}"` })
    }
    settings[setting] = String(Number(text) - less)
  }
  number('max-jobs', 'build-max-jobs')
  number('cores', 'build-cores')
  number('timeout', 'build-timeout')
  number('max-silent-time', 'build-max-silent-time')
  number('rounds', 'build-repeat', 1)
  return settings
}
