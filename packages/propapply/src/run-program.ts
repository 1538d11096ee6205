// One run: sends the program of some steps over a connection, answers its requests for content, and hands out each
// result as it comes.
import type { Connection, Running } from '@plumbline/common/connection/connection'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { randomBytes } from '@plumbline/common/process/random-bytes'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf, toToolError } from '@plumbline/common/error/translate'
import type { PropertyResult } from '@plumbline/common/records/property'
import type { Application } from './check-application.ts'
import { formatTail, MarkerReader, TailReader, type Marker } from './markers.ts'
import { formatProgram, type Mode } from './program.ts'
import { sendExactly } from './send-exactly.ts'

export type Step = { number: number; application: Application }

export type Outcome = {
  result: PropertyResult
  ms: number
  message: string | undefined
  diff: Buffer | undefined
}

export type RunOptions = {
  /** For messages. */
  host: string
  mode: Mode
  /** For a property that says none. */
  timeoutMs: number
  signal: AbortSignal
  emit: (step: Step, outcome: Outcome) => Promise<void>
}

/** How a run ended before the last step: why, and what the step at which it stopped failed of. */
export type Interruption = {
  why: 'timeout' | 'upload' | 'died' | 'lost' | 'cancelled' | 'strange'
  error: ToolError
  /** The program had begun: what stopped it belongs to a step. */
  began: boolean
}

export type RunEnd = { finished: number; interruption: Interruption | undefined; ms: number }

/** How long the streams of a program that is over may be silent before they are no longer waited for. */
const lingerMs = 1000

export async function runProgram(
  connection: Connection,
  steps: readonly Step[],
  options: RunOptions,
): Promise<RunEnd> {
  const run = new ProgramRun(connection, steps, options)
  return run.finish()
}

class ProgramRun {
  readonly #steps: readonly Step[]
  readonly #options: RunOptions
  readonly #running: Running
  readonly #markers: MarkerReader
  readonly #tails: TailReader
  readonly #over: Deferred = makeDeferred()
  readonly #wanted = new Set<number>()
  #waiting: Extract<Marker, { verb: 'result' }>[] = []
  #times: number[] = []
  #finished = 0
  #since = monotonicMs()
  #began = false
  #ended = false
  #timer: NodeJS.Timeout | undefined
  #lingering: NodeJS.Timeout | undefined
  #interruption: Interruption | undefined

  constructor(connection: Connection, steps: readonly Step[], options: RunOptions) {
    const token = `propapply-${randomBytes(16).toString('hex')}`
    const calls = steps.map(({ number, application }) => ({ number, call: application.action.call }))
    this.#steps = steps
    this.#options = options
    this.#markers = new MarkerReader(token)
    this.#tails = new TailReader(token)
    this.#running = connection.run({ command: formatProgram(token, calls, options.mode) })
  }

  async finish(): Promise<RunEnd> {
    const { signal, timeoutMs } = this.#options
    const { stdin, status } = this.#running
    const abort = () => this.#interrupt('cancelled', new ToolError('CANCELLED', { what: 'The run' }))
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    stdin.on('error', () => undefined)
    if (!this.#steps.some(({ application }) => application.action.upload)) stdin.end()
    this.#watch(timeoutMs)
    const exited = status.then(() => this.#linger())
    const reading = Promise.all([this.#readOutput(), this.#readErrors(), exited])
    reading.then(
      () => this.#over.resolve(),
      (error: unknown) => {
        this.#interrupt('lost', toToolError(error))
        this.#over.resolve()
      },
    )
    await this.#over.promise
    clearTimeout(this.#timer)
    clearTimeout(this.#lingering)
    signal.removeEventListener('abort', abort)
    stdin.destroy()
    if (!this.#ended && !this.#interruption) await this.#explainDeath()
    await this.#emitReady(true)
    return {
      finished: this.#finished,
      interruption: this.#interruption,
      ms: monotonicMs() - this.#since,
    }
  }

  async #readOutput(): Promise<void> {
    for await (const chunk of this.#running.stdout) {
      // Of a run that is over or given up, nothing more is waited for, however much comes.
      if (this.#lingering && !this.#ended && !this.#interruption) this.#linger()
      for (const marker of this.#markers.push(chunk as Buffer)) await this.#take(marker)
    }
  }

  async #readErrors(): Promise<void> {
    for await (const chunk of this.#running.stderr) {
      this.#tails.push(chunk as Buffer)
      await this.#emitReady(false)
    }
  }

  async #take(marker: Marker): Promise<void> {
    // What comes after the run was given up belongs to a step that has its outcome.
    if (this.#interruption) return
    const now = monotonicMs()
    switch (marker.verb) {
      case 'begin':
        this.#began = true
        break
      case 'want':
        return this.#answerWant(marker.step)
      case 'result':
        if (marker.step !== this.#nextStep?.number)
          return this.#refuse('another result than the next one was sent')
        this.#waiting.push(marker)
        this.#times.push(now - this.#since)
        await this.#emitReady(false)
        break
      case 'end':
        this.#ended = true
        this.#linger()
        break
    }
    this.#since = now
    this.#watchNext()
  }

  /** Results go out in order; a failure waits for what its step said on standard error. */
  async #emitReady(all: boolean): Promise<void> {
    for (;;) {
      const [first] = this.#waiting
      const step = this.#steps[this.#finished]
      const tail = this.#tails.tails[this.#finished]
      if (!first || !step || (first.result === 'failed' && tail === undefined && !all)) return
      this.#waiting.shift()
      this.#finished++
      const ms = Math.round(this.#times.shift() ?? 0)
      const said = first.result === 'failed' ? formatTail(tail ?? this.#tails.rest) : ''
      const message = [first.reason, said].filter((part) => part !== '').join('\n')
      await this.#options.emit(step, {
        result: first.result,
        ms,
        message: message || undefined,
        diff: first.diff,
      })
    }
  }

  /** The first that has no result. */
  get #nextStep(): Step | undefined {
    return this.#steps[this.#finished + this.#waiting.length]
  }

  #watchNext(): void {
    if (this.#ended) clearTimeout(this.#timer)
    // After the last one, what has to come is the end.
    else this.#watch(this.#nextStep?.application.timeoutMs ?? this.#options.timeoutMs)
  }

  #watch(ms: number): void {
    clearTimeout(this.#timer)
    const expire = () => this.#interrupt('timeout', new ToolError('TIMEOUT', { what: 'The property', ms }))
    this.#timer = setTimeout(expire, ms)
  }

  #answerWant(number: number): void {
    if (this.#wanted.has(number)) return this.#refuse('the same content was asked for twice')
    this.#wanted.add(number)
    void this.#upload(number)
  }

  async #upload(number: number): Promise<void> {
    const upload = this.#steps.find((step) => step.number === number)?.application.action.upload
    if (!upload) return
    try {
      await sendExactly(upload.open(), upload.bytes, this.#running.stdin)
    } catch (error) {
      const reason = `Cannot send the content: ${reasonOf(error)}`
      this.#interrupt('upload', new ToolError('PROPERTY_FAILED', { reason }))
    }
  }

  #refuse(reason: string): void {
    const peer = `the shell on ${this.#options.host}`
    this.#interrupt('strange', new ToolError('PROTOCOL', { peer, reason }))
  }

  /** Ends the run; what the far side does then is no longer waited for. */
  #interrupt(why: Interruption['why'], error: ToolError): void {
    if (this.#interruption || this.#ended) return
    this.#interruption = { why, error, began: this.#began }
    if (why !== 'lost') this.#running.cancel()
    this.#linger()
  }

  /** What is on its way is still read; the streams need not end, since a process left behind may hold them. */
  #linger(): void {
    clearTimeout(this.#lingering)
    this.#lingering = setTimeout(this.#over.resolve, lingerMs)
  }

  async #explainDeath(): Promise<void> {
    const status = await this.#running.status
    const said = formatTail(this.#tails.rest)
    const reason = `status ${status}${said && `, ${said}`}`
    const error = new ToolError('SH_FAILED', { host: this.#options.host, reason })
    this.#interruption = { why: 'died', error, began: this.#began }
  }
}

type Deferred = { promise: Promise<void>; resolve: () => void }

function makeDeferred(): Deferred {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
