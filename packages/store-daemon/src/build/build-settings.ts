// How one client wants its builds: the daemon's settings, and over them those of its connection.
// Pure: no I/O.
import type { Session } from '../session.ts'

export type BuildSettings = {
  maxJobs: number
  cores: number
  /** Milliseconds; 0 is for ever. */
  timeoutMs: number
  silenceMs: number
  /** Bytes; 0 is any number. */
  maxLog: number
  rounds: number
  sandbox: boolean
  impersonateLinux26: boolean
  cacheFailures: boolean
  keepLogs: boolean
  pollMs: number
  system: string
  fallback: boolean
  keepGoing: boolean
  keepFailed: boolean
  offload: boolean
}

/** A timer for longer goes off at once. */
const maxTimerMs = 2 ** 31 - 1

/** set-options has checked that numbers are numbers. */
export function readBuildSettings({ store, options }: Session): BuildSettings {
  const { build } = store.config
  const { settings } = options
  const number = (name: string, otherwise: number) => Math.max(0, Number(settings.get(name) ?? otherwise))
  const limit = (name: string, otherwise: number) => {
    const ms = number(name, otherwise) * 1000
    return ms > maxTimerMs ? 0 : ms
  }
  const flag = (name: string, otherwise: boolean) => (settings.get(name) ?? String(otherwise)) === 'true'
  return {
    maxJobs: number('build-max-jobs', build.maxJobs),
    cores: number('build-cores', build.cores),
    timeoutMs: limit('build-timeout', build.timeout),
    silenceMs: limit('build-max-silent-time', build.maxSilentTime),
    maxLog: number('build-max-log-size', 0),
    rounds: number('build-repeat', build.rounds - 1) + 1,
    sandbox: flag('build-use-chroot', build.sandbox),
    impersonateLinux26: flag('build-impersonate-linux-26', build.impersonateLinux26),
    cacheFailures: flag('build-cache-failure', build.cacheFailures),
    keepLogs: flag('build-keep-log', build.keepLogs),
    pollMs: Math.min(number('build-poll-interval', 5) * 1000, maxTimerMs),
    system: settings.get('system') ?? build.system,
    fallback: options.fallback || flag('build-fallback', false),
    keepGoing: options.keepGoing,
    keepFailed: options.keepFailed,
    offload: options.offload && build.offload,
  }
}
