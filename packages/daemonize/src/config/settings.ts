// A configuration with its defaults filled in and its names resolved: what the commands work with.
import { dirname, isAbsolute, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { findAccount, memberGroups, requireAccount, requireGroup, type Account } from './account.ts'
import { capabilityMask } from './capabilities.ts'
import { signalNumber } from '../service/signals.ts'
import { serverReadyFd } from '../sites/descriptors.ts'
import type { Config } from './config.ts'
import { requireDistinct } from './distinct-places.ts'
import type { ConfigFile } from './read-config.ts'
import { resolveReady, type Ready } from './ready.ts'
import { parseListen, parseSite, siteAddresses, type ListenAddress, type Site } from './site.ts'

export type Log =
  | { kind: 'none' }
  | { kind: 'file'; path: string }
  | { kind: 'kept'; path: string; maxBytes: number; maxFiles: number; seconds: number }
  | { kind: 'syslog' | 'journal'; socket: string }

/** Who it becomes; undefined: it stays the caller. */
export type Identity = { account: Account; gid: number; groups: number[] }

export type Settings = {
  name: string
  conf: string
  config: Config
  /** The program and its arguments; undefined for sites. */
  command: string[] | undefined
  sites: Site[]
  modulePaths: string[]
  listen: ListenAddress[]
  identity: Identity | undefined
  pidfile: string
  state: string
  lock: string
  repl: { socket: string } | { port: number; tokenFile: string } | undefined
  cachedir: string
  cwd: string
  chroot: string | undefined
  umask: string
  environment: Record<string, string>
  capabilities: bigint | undefined
  noNewPrivileges: boolean
  cgroup: boolean
  ready: Ready
  log: Log
  startTimeout: number
  stopTimeout: number
  drainTimeout: number
  stopSignal: number
  reloadSignal: number
  restart: 'no' | 'on-failure' | 'always'
  /** Something has to stay beside the service: to make it again, or to carry its output. */
  keep: boolean
}

type Folders = { run: string; cache: string; log: string }

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What the keeper hands over (keeper/confine.c). */
const maxSockets = 60
const seconds = { hour: 3600, day: 86_400, week: 604_800 } as const

export function resolveSettings(
  { path: conf, config }: ConfigFile,
  environment: NodeJS.ProcessEnv,
): Settings {
  const { name } = config
  const uid = process.geteuid?.() ?? 0
  const at = (file: string) => (isAbsolute(file) ? file : resolve(dirname(conf), file))
  const folders = defaultFolders(name, uid, environment)
  const pidfile = at(config.pidfile ?? `${folders.run}/${name}.pid`)
  const base = pidfile.replace(/\.pid$/, '')
  const capabilities = config.capabilities && capabilityMask(config.capabilities, conf)
  // Looked up when first asked for: who only wants to know how a service does needs no account.
  const identity = once(() => resolveIdentity(config, uid))
  const own = once(() => buildEnvironment(config, identity(), environment))
  const log = resolveLog(config.log ?? `${folders.log}/${name}.log`, at)
  const restart = config.restart ?? 'no'
  const sites = (config.sites ?? []).map((site) => parseSite(site, conf, at))
  const isCommand = config.command !== undefined
  const listen = isCommand
    ? (config.listen ?? []).map((one) => parseListen(one, conf))
    : siteAddresses(sites, conf)
  const repl = isCommand ? undefined : resolveRepl(config, base, at)
  // One for the configuration of sites, and one for their REPL.
  const most = maxSockets - (isCommand ? 0 : repl ? 2 : 1)
  if (listen.length > most) {
    const reason = `${listen.length} addresses to listen at: expected at most ${most}`
    throw new ToolError('CONFIG_INVALID', { where: conf, reason })
  }
  const [state, lock] = [`${base}.state`, `${base}.lock`]
  requireDistinct({ conf, pidfile, state, lock, log, repl, listen })
  return {
    name,
    conf,
    config,
    command: typeof config.command === 'string' ? ['/bin/sh', '-c', config.command] : config.command,
    sites,
    modulePaths: (config.module_paths ?? []).map(at),
    listen,
    get identity() {
      return identity()
    },
    pidfile,
    state,
    lock,
    repl,
    cachedir: at(config.cachedir ?? folders.cache),
    // Below a root of its own nothing is beside the configuration.
    cwd: config.chroot === undefined ? at(config.cwd ?? '/') : resolve('/', config.cwd ?? '/'),
    chroot: config.chroot === undefined ? undefined : at(config.chroot),
    umask: config.umask ?? '022',
    get environment() {
      return own()
    },
    get capabilities() {
      return capabilities ?? (identity() && 0n)
    },
    get noNewPrivileges() {
      return config.no_new_privileges ?? identity() !== undefined
    },
    cgroup: config.cgroup ?? true,
    // Our server of sites says itself when every module is loaded.
    ready: isCommand
      ? resolveReady(config, at)
      : { kind: 'fd', fd: serverReadyFd(listen.length, repl !== undefined) },
    log,
    startTimeout: config.start_timeout ?? 60_000,
    stopTimeout: config.stop_timeout ?? 10_000,
    drainTimeout: config.drain_timeout ?? 5_000,
    stopSignal: requireSignal(config.stop_signal ?? 'TERM', conf),
    reloadSignal: requireSignal(config.reload_signal ?? 'HUP', conf),
    restart,
    keep: restart !== 'no' || (log.kind !== 'none' && log.kind !== 'file'),
  }
}

/** Before anything is touched. Throws ACCOUNT_UNKNOWN, SERVICE_FORBIDDEN. */
export function requireAccounts(settings: Settings): void {
  void [settings.identity, settings.environment]
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}

function defaultFolders(name: string, uid: number, environment: NodeJS.ProcessEnv): Folders {
  if (uid === 0) return { run: `/run/${name}`, cache: `/var/cache/${name}`, log: '/var/log' }
  // What is empty or relative is to be ignored, by the XDG Base Directory Specification.
  const given = (key: string) => (environment[key]?.startsWith('/') ? environment[key] : undefined)
  const home = given('HOME') ?? findAccount(String(uid))?.home ?? '/'
  return {
    run: `${given('XDG_RUNTIME_DIR') ?? `/tmp/daemonize-${uid}`}/${name}`,
    cache: `${given('XDG_CACHE_HOME') ?? `${home}/.cache`}/${name}`,
    log: `${given('XDG_STATE_HOME') ?? `${home}/.local/state`}/${name}`,
  }
}

/** As the seed: the account of the service's own name, when nothing else is said and there is one. */
function resolveIdentity(config: Config, uid: number): Identity | undefined {
  const account =
    config.user === undefined
      ? uid === 0
        ? findAccount(config.name)
        : undefined
      : requireAccount(config.user)
  if (uid !== 0) {
    const other =
      (account && account.uid !== uid) || config.group !== undefined || config.groups !== undefined
    if (other) {
      const reason = 'only root can change user and groups'
      throw new ToolError('SERVICE_FORBIDDEN', { action: 'run', name: config.name, reason })
    }
    return undefined
  }
  if (!account && config.group === undefined && config.groups === undefined) return undefined
  const who = account ?? requireAccount('root')
  const gid = config.group === undefined ? who.gid : requireGroup(config.group)
  const groups = config.groups
    ? [gid, ...config.groups.map(requireGroup)]
    : [gid, ...memberGroups({ ...who, gid })]
  return { account: who, gid, groups: [...new Set(groups)] }
}

/** Nothing of the caller's but what is asked for. */
function buildEnvironment(
  config: Config,
  identity: Identity | undefined,
  caller: NodeJS.ProcessEnv,
): Record<string, string> {
  const account = identity?.account ?? findAccount(String(process.geteuid?.() ?? 0))
  const own = account && {
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
  }
  const passed = ['LANG', 'TZ', ...(config.pass_env ?? [])].flatMap((name) => {
    const value = caller[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { PATH: path, ...own, ...Object.fromEntries(passed), ...config.env }
}

function resolveLog(log: NonNullable<Config['log']>, at: (file: string) => string): Log {
  if (log === 'none') return { kind: log }
  if (log === 'journal') return { kind: 'journal', socket: '/run/systemd/journal/socket' }
  if (log === 'syslog') return { kind: 'syslog', socket: '/dev/log' }
  if (typeof log === 'string') return { kind: 'file', path: at(log) }
  if ('syslog' in log) return { kind: 'syslog', socket: at(log.syslog) }
  const { every } = log
  return {
    kind: 'kept',
    path: at(log.path),
    maxBytes: log.max_bytes ?? (every === undefined ? 10 * 1024 * 1024 : 0),
    maxFiles: log.max_files ?? 5,
    seconds: typeof every === 'number' ? Math.ceil(every / 1000) : every ? seconds[every] : 0,
  }
}

function resolveRepl(config: Config, base: string, at: (file: string) => string): Settings['repl'] {
  if (config.repl === undefined) return undefined
  if (typeof config.repl === 'string') return { socket: at(config.repl) }
  return { port: config.repl, tokenFile: at(config.repl_token_file ?? `${base}.token`) }
}

function requireSignal(name: string, where: string): number {
  const number = signalNumber(name)
  if (number === undefined)
    throw new ToolError('CONFIG_INVALID', { where, reason: `there is no signal "${name}"` })
  return number
}
