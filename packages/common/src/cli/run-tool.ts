// Runs a program: its arguments, signals, the end of its reader, its exit status. With each main.ts the only owner
// of `process`.
import { setMaxListeners } from 'node:events'
import { exitStatus } from '../error/exit.ts'
import { ToolError } from '../error/tool-error.ts'
import { toToolError } from '../error/translate.ts'
import { RecordWriter } from '../ndjson/write.ts'
import { makeDiagnose, type Diagnose } from './diagnose.ts'
import { parseArguments } from './parse-arguments.ts'
import { recoverArguments } from './recover-arguments.ts'
import type { Arguments, CommandLine } from './option-table.ts'
import type { SchemaTable } from './schema-output.ts'

export type Tool = {
  arguments: Arguments
  records: RecordWriter
  diagnose: Diagnose
  /** Aborted by SIGINT, SIGTERM, SIGHUP, and when the reader of standard output has gone. */
  signal: AbortSignal
  /** What the signal's does, without one having to be made. */
  throwIfAborted: () => void
  environment: NodeJS.ProcessEnv
  /** Set by a program that ends with its run: a quicker way to end the process. */
  leave?: (status: number) => never
}

export type Program = {
  line: CommandLine
  schemas: () => Promise<SchemaTable>
  /** Does the work; resolves to the exit status. */
  run: (tool: Tool) => Promise<number>
  /** What others wait for, once `run` has failed and the reason has been told. */
  afterFailure?: (tool: Tool) => Promise<void>
  /**
   * Nothing of it goes on after `run`: the process ends then and there. Left to itself Node first collects garbage,
   * takes its heap apart and waits for its threads, which takes as long as all that a small program does.
   */
  endsWithRun?: boolean
  /** The exit status of an error, for a program that does not keep to sysexits. */
  exitOf?: (error: ToolError) => number
}

declare const PROGRAM_VERSION: string

const forceAfterMs = 5000
/** What comes sooner after a signal is the same act: timeout(1) signals its command, and then the group it is in. */
const sameActMs = 500

export async function runTool(program: Program): Promise<void> {
  const name = program.line.program
  const diagnose = makeDiagnose(name)
  const records = new RecordWriter(1)
  const ending = handleSignals(records, diagnose)
  let tool: Tool | undefined
  try {
    const begin = (args: Arguments) => {
      tool = {
        arguments: args,
        records,
        diagnose,
        get signal() {
          return ending.aborted()
        },
        throwIfAborted: ending.throwIfAborted,
        environment: process.env,
      }
      return program.run(tool)
    }
    const status = await runArguments(program, records, begin)
    await records.flush()
    process.exitCode ??= status
  } catch (error) {
    const known = toToolError(error)
    // Whatever a signal breaks off fails in some way; that the signal came is not news to who sent it.
    if (!records.broken && (!ending.signal || known.code === 'INTERNAL')) {
      diagnose(known.message)
      if (known.exit === exitStatus.usage) diagnose(`Try '${helpFor(program.line)}'`)
      if (known.code === 'INTERNAL' && process.env['PLUMBLINE_TRACE']) diagnose(String(known.cause))
    }
    await records.flush().catch(() => undefined)
    if (tool) await program.afterFailure?.(tool)
    process.exitCode = (program.exitOf ?? exitOf)(known)
  } finally {
    // All output is written by now: records are flushed, and diagnostics were never queued.
    if ((program.endsWithRun || !tool) && !ending.signal) endProcess(tool)
    ending.finish()
  }
}

function endProcess(tool: Tool | undefined): never {
  // The last listener: whoever else listens is told.
  if (tool?.leave) process.on('exit', tool.leave)
  // oxlint-disable-next-line no-process-exit
  process.exit()
}

/** Of the command that was named, if there is such a one: only its own help has its options. */
function helpFor({ program, commands }: CommandLine): string {
  const word = process.argv[2]
  return word && Object.hasOwn(commands, word) ? `${program} ${word} --help` : `${program} --help`
}

const exitOf = (error: ToolError) => error.exit

async function runArguments(
  program: Program,
  records: RecordWriter,
  begin: (args: Arguments) => Promise<number>,
): Promise<number> {
  const { line } = program
  const args = await parseArguments(line, recoverArguments(process.argv.slice(2)))
  if (args.flags.has('version')) {
    await records.writeBytes(Buffer.from(`${line.program} ${PROGRAM_VERSION}\n`))
    return exitStatus.ok
  }
  if (args.flags.has('help')) {
    const { formatHelp } = await import('./help.ts')
    await records.writeBytes(Buffer.from(await formatHelp(line, args.command)))
    return exitStatus.ok
  }
  if (args.flags.has('schema')) {
    const { schemaRecords } = await import('./schema-output.ts')
    for (const record of await schemaRecords(await program.schemas())) await records.write(record)
    return exitStatus.ok
  }
  if (args.command === '' && !Object.hasOwn(line.commands, '')) {
    throw new ToolError('USAGE', { reason: 'Expected a command' })
  }
  return begin(args)
}

/**
 * The first signal aborts the work, which then has five seconds to clean up, and is raised again at the end so that
 * the parent sees it; one that comes later on ends the process at once. A reader that has gone counts as SIGPIPE,
 * which Node ignores and which every other filter dies of.
 */
function handleSignals(records: RecordWriter, diagnose: Diagnose) {
  let made: AbortController | undefined
  // By who asks first: it takes as long to load as many a program's own work.
  const controller = () => {
    if (made) return made
    made = new AbortController()
    // One listener for each host or item that is worked on is no leak.
    setMaxListeners(0, made.signal)
    return made
  }
  const state: { signal: NodeJS.Signals | undefined } = { signal: undefined }
  const caught = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

  const raise = (signal: NodeJS.Signals) => {
    for (const each of [...caught, 'SIGPIPE'] as const) process.removeAllListeners(each)
    if (signal === 'SIGPIPE') {
      // Adding and removing a listener is what resets the ignored signal to its default.
      process.on('SIGPIPE', onSignal).off('SIGPIPE', onSignal)
    }
    process.kill(process.pid, signal)
  }
  let isLater = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (isLater) return raise(signal)
    if (state.signal) return
    state.signal = signal
    // Whatever came in time is read before an immediate is run, however long the loop was busy.
    setTimeout(() => setImmediate(() => (isLater = true)), sameActMs).unref()
    controller().abort(new ToolError('CANCELLED', { what: 'The run' }))
    setTimeout(raise, forceAfterMs, signal).unref()
  }
  const onBug = (error: unknown) => {
    diagnose(toToolError(error).message)
    if (process.env['PLUMBLINE_TRACE'] && error instanceof Error) diagnose(error.stack ?? '')
    process.exitCode = exitStatus.software
    controller().abort(error)
  }
  for (const signal of caught) process.on(signal, onSignal)
  process.on('uncaughtException', onBug).on('unhandledRejection', onBug)
  records.onBroken = () => onSignal('SIGPIPE')

  return {
    aborted: () => controller().signal,
    throwIfAborted: () => made?.signal.throwIfAborted(),
    get signal() {
      return state.signal
    },
    finish() {
      if (state.signal) raise(state.signal)
      for (const signal of caught) process.off(signal, onSignal)
    },
  }
}
