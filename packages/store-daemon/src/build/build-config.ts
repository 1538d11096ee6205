// How this daemon builds, unless a client wants it otherwise: guix-daemon's options by their names.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { buildOptions } from './build-options.ts'

export type BuildConfig = {
  /** Of the derivations that are built here. */
  system: string
  /** Builds at a time for each client. */
  maxJobs: number
  /** What builders are told; 0 is all there are. */
  cores: number
  /** Seconds; 0 is for ever. */
  timeout: number
  maxSilentTime: number
  rounds: number
  sandbox: boolean
  /** Inside → outside. */
  sandboxDirectories: ReadonlyMap<string, string>
  offload: boolean
  cacheFailures: boolean
  keepLogs: boolean
  compressLogs: boolean
  impersonateLinux26: boolean
}

type Given = { flags: ReadonlySet<string>; values: Readonly<Record<string, readonly string[]>> }

/** Throws USAGE. `architecture` is Node's name for it. */
export function readBuildConfig({ flags, values }: Given, architecture: string): BuildConfig {
  const number = (name: keyof typeof buildOptions, otherwise: number) => {
    const text = values[name]?.[0]
    if (text === undefined) return otherwise
    if (!/^[0-9]{1,9}$/.test(text)) throw usage(`--${name} needs a number, not "${text}"`)
    return Number(text)
  }
  const compression = values['log-compression']?.[0] ?? 'gzip'
  if (compression !== 'gzip' && compression !== 'none') {
    throw usage(`--log-compression knows gzip and none, not "${compression}"`)
  }
  return {
    system: values['system']?.[0] ?? `${architectures[architecture] ?? architecture}-linux`,
    maxJobs: number('max-jobs', 1),
    cores: number('cores', 0),
    timeout: number('timeout', 0),
    maxSilentTime: number('max-silent-time', 0),
    rounds: Math.max(1, number('rounds', 1)),
    sandbox: !flags.has('disable-chroot'),
    sandboxDirectories: new Map((values['chroot-directory'] ?? []).map(parseDirectory)),
    offload: !flags.has('no-offload') && !flags.has('no-build-hook'),
    cacheFailures: flags.has('cache-failures'),
    keepLogs: !flags.has('lose-logs'),
    compressLogs: compression === 'gzip' && !flags.has('disable-log-compression'),
    impersonateLinux26: flags.has('impersonate-linux-2.6'),
  }
}

const architectures: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  ia32: 'i686',
  arm64: 'aarch64',
  arm: 'armhf',
  riscv64: 'riscv64',
}

function parseDirectory(text: string): [inside: string, outside: string] {
  const [inside = '', outside = inside] = text.split('=', 2)
  if (!/^\/[^\n]*[^/\n]$/.test(inside) || !/^\/[^\n]*$/.test(outside)) {
    throw usage(`--chroot-directory needs DIR or DIR=SOURCE, both from the root, not "${text}"`)
  }
  return [inside, outside]
}

function usage(reason: string): ToolError {
  return new ToolError('USAGE', { reason })
}
