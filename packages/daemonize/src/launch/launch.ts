// Makes an incarnation of a service and waits until it is ready. If it is not to be, nothing of it is left.
import { getSystemErrorMap } from 'node:util'
import { aborted } from '@plumbline/common/process/aborted'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Log, Settings } from '../config/settings.ts'
import { answersHttp, reachAddresses, waitReady } from '../ready/wait-ready.ts'
import { makeCgroup, removeCgroup } from '../service/cgroup.ts'
import { makeIncarnationId } from '../service/incarnation-id.ts'
import { pause } from '../service/pause.ts'
import { bootId } from '../service/process.ts'
import type { StateRecord } from '../service/state.ts'
import { signalName } from '../service/signals.ts'
import { incarnationVariable } from '../service/tree.ts'
import { KeeperLink, type KeeperEvent } from './keeper-link.ts'
import { Output } from './output.ts'
import { formatSpecification } from './specification.ts'

export type Program = {
  argv: readonly string[]
  environment: Readonly<Record<string, string>>
  /** Listening sockets, and what each is bound to. */
  sockets: readonly { fd: number; address: string }[]
}

export type Launch = {
  action: string
  lock: number
  /** Who goes on until it is ready. */
  replaces?: StateRecord | undefined
  cancel: { readonly signal: AbortSignal }
  environment: NodeJS.ProcessEnv
  /** Told the last lines that a service said which did not start. */
  onTail: (lines: string[]) => void
  /** Run while the service gets ready. */
  meanwhile: () => void
  timeout?: number | undefined
}

const tailLines = 10
const searchedLines = 60
const hint = ' (a program has to stay in the foreground)'
const occupied = 'something answers already where it is to be ready'

/** The process. Throws SERVICE_FAILED, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, CANNOT_CREATE, CANCELLED. */
export async function launchService(settings: Settings, program: Program, launch: Launch): Promise<number> {
  const { name, ready } = settings
  const fail = (reason: string) => new ToolError('SERVICE_FAILED', { action: launch.action, name, reason })
  if (ready.kind === 'http' && (await answersHttp(ready))) throw fail(occupied)
  const reach = await reachAddresses(ready)

  const output = Output.open(settings.log)
  const startKeeper = () => {
    try {
      const sockets = program.sockets.map(({ fd }) => fd)
      return new KeeperLink({ output: output.fd, lock: launch.lock, sockets })
    } catch (error) {
      output.close()
      throw fail(`its keeper: ${reasonOf(error)}`)
    }
  }
  // It gets ready on another processor while it is written down what it is to do.
  const link = startKeeper()
  let cgroup: string | undefined
  try {
    const id = makeIncarnationId()
    if (settings.cgroup) cgroup = makeCgroup(name, settings.pidfile, id, launch.environment)
    const notify = ready.kind === 'notify' ? `daemonize-${id}` : undefined
    const specification = formatSpecification(settings, {
      id,
      boot: bootId(),
      started: Date.now(),
      cgroup,
      replaces: launch.replaces,
      argv: program.argv,
      environment: {
        ...program.environment,
        [incarnationVariable]: id,
        ...(notify && { NOTIFY_SOCKET: `@${notify}` }),
      },
      listen: program.sockets.map(({ address }) => address),
      notify,
      reach,
      readyFd: ready.kind === 'fd' ? ready.fd : undefined,
      log: output.kept,
      foreground: false,
    })
    link.specify(specification)
  } catch (error) {
    link.dismiss()
    if (cgroup) removeCgroup(cgroup)
    output.close()
    throw error
  }
  output.follow(link, settings.log.kind === 'file' ? settings.log.path : undefined)

  const seen = new Started(link, program.argv[0] ?? '', launch.action, settings)
  link.listen(({ kind }) => kind === 'exec' && launch.meanwhile())
  const stop = new AbortController()
  try {
    await Promise.race([
      waitReady(ready, {
        listen: (each) => link.listen(each),
        output: (each) => output.listen(each),
        signal: stop.signal,
      }),
      seen.failed,
      timeIsUp(launch.timeout ?? settings.startTimeout, stop.signal, fail),
      aborted(launch.cancel.signal, stop.signal),
    ])
    // What ended at the same moment has not started.
    if (seen.failure) throw seen.failure
    if (!(await link.confirm())) throw seen.failure ?? fail('the keeper ended')
    return seen.pid
  } catch (error) {
    // Before it is abandoned: the end that follows is our own doing.
    const cause = seen.failure ?? error
    await link.abandon()
    // It was ready before it could be told that it is not wanted any more.
    if (link.kept) return seen.pid
    if (cgroup) removeCgroup(cgroup)
    const lines = output.lastLines(tailLines)
    launch.onTail(lines)
    throw withReason(cause, tellingLine(output.lastLines(searchedLines)))
  } finally {
    // Not now: a program that starts one service ends before it comes to that, and sooner by half a millisecond.
    setImmediate(() => stop.abort())
    output.close()
  }
}

function withReason(error: unknown, line: string | undefined): unknown {
  if (!(error instanceof ToolError) || error.code !== 'SERVICE_FAILED' || line === undefined) return error
  const reason = `${String(error.details['reason'])}: ${line.slice(0, 200)}`
  return new ToolError(error.code, { ...error.details, reason }, { cause: error.cause })
}

/** What it said last is most often why, but for the traces that runtimes print below the error itself. */
function tellingLine(lines: readonly string[]): string | undefined {
  const isError = (line: string) => /^(.*: )?(\w*(Error|Exception)|error|fatal|panic)\b.*[:!]/i.test(line)
  const isTrace = (line: string) => /^(\s|[\]}]|Node\.js v)/.test(line)
  return lines.findLast(isError) ?? lines.findLast((line) => !isTrace(line)) ?? lines.at(-1)
}

/** What the keeper has said of the process. */
class Started {
  pid = 0
  failure: ToolError | undefined
  readonly failed: Promise<never>

  constructor(link: KeeperLink, program: string, action: string, { name, log }: Settings) {
    const fail = (reason: string, cause?: unknown) =>
      new ToolError('SERVICE_FAILED', { action, name, reason }, { cause })
    this.failed = new Promise((_, reject) => {
      link.listen((event) => {
        if (event.kind === 'pid') this.pid = event.pid
        const failure = describeFailure(event, program, log, fail)
        if (!failure) return
        this.failure ??= failure
        reject(this.failure)
      })
    })
    this.failed.catch(() => undefined)
  }
}

function describeFailure(
  event: KeeperEvent,
  program: string,
  log: Log,
  fail: (reason: string, cause?: unknown) => ToolError,
): ToolError | undefined {
  switch (event.kind) {
    case 'exit':
      return fail(`it ended with status ${event.status} before it was ready${event.status === 0 ? hint : ''}`)
    case 'signal':
      return fail(`it was ended by ${signalName(event.number)} before it was ready`)
    case 'failed':
      if (event.stage === 'occupied') return fail(occupied)
      if (event.stage === 'log' && log.kind === 'kept')
        return new ToolError('CANNOT_CREATE', { path: log.path, reason: describeErrno(event.errno) })
      if (event.stage !== 'exec') return fail(describeStage(event), { code: event.errno })
      if (event.errno === 'ENOENT') return new ToolError('COMMAND_NOT_FOUND', { command: program })
      return new ToolError('COMMAND_NOT_EXECUTABLE', { command: program, reason: describeErrno(event.errno) })
    case 'end':
      return fail('the keeper ended')
    default:
      return undefined
  }
}

function describeStage({ stage, errno }: { stage: string; errno: string }): string {
  return `${stage.replaceAll('_', ' ')}: ${describeErrno(errno)}`
}

function describeErrno(name: string): string {
  if (name === 'ENOEXEC') return 'no program: it has no "#!" line and is no binary'
  if (name === 'EISDIR') return 'is a directory'
  return [...getSystemErrorMap().values()].find(([known]) => known === name)?.[1] ?? name
}

async function timeIsUp(
  ms: number,
  signal: AbortSignal,
  fail: (reason: string) => ToolError,
): Promise<never> {
  await pause(ms, signal)
  throw fail(`it was not ready within ${ms} ms`)
}
