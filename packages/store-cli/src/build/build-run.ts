// One run of `build`: what is planned, each step as the daemon tells of it, and the outputs at the end.
import { canErase } from '@plumbline/common/cli/terminal'
import { bytesField } from '@plumbline/common/ndjson/bytes'
import { fromByteString } from '@plumbline/common/store/byte-string'
import { storeName } from '@plumbline/common/store/store-path'
import type { Context } from '../context.ts'
import { buildThings, queryOutputNames, queryOutputs, queryValidPaths, type BuildMode } from '../queries.ts'
import { BuildEventParser, type BuildEvent } from './build-events.ts'
import { planBuild } from './build-plan.ts'
import { BuildProgress } from './build-progress.ts'

/** Of a build that has failed, for a person. */
const lastLines = 10

export class BuildRun {
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
    const isSeen = canErase(2, this.#context.tool.environment) && !this.#context.has('quiet')
    this.#progress = new BuildProgress(this.counts.planned, isSeen)
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
    await this.#takeTrace(event.words)
  }

  async #takeTrace([name = '', path = '', ...words]: string[]): Promise<void> {
    switch (name) {
      case 'build-started':
        return this.#started(path, words)
      case 'build-succeeded':
        return this.#ended(path, undefined)
      case 'build-failed': {
        const [, status = '', ...message] = words
        return this.#ended(path, message.length > 0 ? message.join(' ') : status)
      }
      case 'substituter-started':
        return this.#substitute('started', path, words)
      case 'substituter-succeeded':
        return this.#substitute('succeeded', path, words)
      case 'substituter-failed':
        return this.#substitute('failed', path, words)
      case 'download-progress': {
        const [, size = '0', done = '0'] = words
        this.#progress?.downloading(path, Number(size), Number(done))
      }
    }
  }

  async #started(path: string, [, system = '', log = '', pid = '']: string[]): Promise<void> {
    this.#builders.set(Number(pid), path)
    this.#logs.set(path, { rest: '', last: [] })
    this.#progress?.started(path)
    const record = { type: 'build', state: 'started', path: fromByteString(path) }
    await this.#context.emit({ ...record, system, log: fromByteString(log), pid: Number(pid) })
  }

  async #ended(path: string, failure: string | undefined): Promise<void> {
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

  async #substitute(state: 'started' | 'succeeded' | 'failed', path: string, words: string[]): Promise<void> {
    if (state === 'started') this.#progress?.downloading(path, 0, 0)
    else this.#progress?.downloaded(path)
    if (state === 'succeeded') this.counts.substituted++
    const reason = state === 'failed' ? { reason: fromByteString(words.slice(1).join(' ')) } : {}
    await this.#context.emit({ type: 'download', state, path: fromByteString(path), ...reason })
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
      if (!this.#context.isForPeople) await this.#emitLog(path, line)
    }
  }

  #emitLog(path: string, line: string): Promise<void> {
    const text = bytesField('text', Buffer.from(line, 'latin1'))
    return this.#context.emit({ type: 'log', path: fromByteString(path), ...text })
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
