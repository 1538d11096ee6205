// Who is told how a build goes: one client, or all that want it.
import { logFileOf } from './log-file.ts'
import type { Session } from '../session.ts'

export interface BuildSink {
  started(pid: number): void
  /** What the builder prints, as it comes. A promise when it should come slower. */
  output(bytes: Buffer): Promise<void> | undefined
  /** For people; levels as of a session's log. */
  say(level: number, text: string): void
  /** For programs: a line that starts with `@ `, for those who have asked for them. */
  trace(text: string): void
}

/** What a client of the protocol sees of a build. */
export function makeClientSink(session: Session, derivation: string, system: string): BuildSink {
  const { options, store } = session
  const { logs, build } = store.config
  let builder = 0
  const trace = (text: string) => {
    if (options.printBuildTrace) session.log(0, `@ ${text}`)
  }
  return {
    started: (pid) => {
      builder = pid
      const file = build.keepLogs ? logFileOf(logs, derivation, build.compressLogs) : ''
      trace(`build-started ${derivation} - ${system} ${file} ${pid}`)
    },
    output: (bytes) => {
      if (options.verbosity < options.buildVerbosity) return undefined
      // A program that reads several logs at once has to be told which this is.
      if (options.settings.get('multiplexed-build-output') === 'true') {
        void session.output(Buffer.from(`@ build-log ${builder} ${bytes.length}\n`))
      }
      return session.output(bytes)
    },
    say: (level, text) => session.log(level, text),
    trace,
  }
}
