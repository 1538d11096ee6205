// What the keeper is told of a service: entries KEY=VALUE, each ended by NUL, the whole by an empty entry
// (keeper/specification.c reads it).
// Pure: no I/O.
import type { Settings } from '../config/settings.ts'
import type { StateRecord } from '../service/state.ts'
import { limitNames } from '../config/config.ts'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Incarnation = {
  id: string
  boot: string
  /** Milliseconds since 1970: its text is made when somebody asks, for Date takes 0.2 ms to make the first. */
  started: number
  cgroup: string | undefined
  replaces?: StateRecord | undefined
  argv: readonly string[]
  environment: Readonly<Record<string, string>>
  /** What the listening sockets, in their order, are bound to. */
  listen: readonly string[]
  notify: string | undefined
  /** Where it is to answer: "IP PORT" or the path of a socket. */
  reach: readonly string[]
  /** The descriptor on which the service says that it is ready. */
  readyFd: number | undefined
  /** The path of a log that is kept, without links on the way. */
  log?: string | undefined
  /** In the foreground, and without a keeper in between when nothing is to be kept. */
  foreground: boolean
}

type Value = string | number | bigint | boolean | undefined

const restartNumbers = { no: 0, 'on-failure': 1, always: 2 } as const
/** RLIMIT_* of Linux, in the order of the kernel's headers. */
const limitNumbers = ['cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending', 'msgqueue', 'nice', 'rtprio', 'rttime'] // prettier-ignore
const infinity = 18_446_744_073_709_551_615n

export function formatSpecification(settings: Settings, incarnation: Incarnation): Buffer {
  const { config, identity } = settings
  const { foreground } = incarnation
  const entries: [key: string, value: Value][] = [
    ...incarnation.argv.map((word): [string, Value] => ['argument', word]),
    ...Object.entries(incarnation.environment).map(([key, value]): [string, Value] => [
      'variable',
      `${key}=${value}`,
    ]),
    ['foreground', foreground],
    ['replace', foreground && !settings.keep],
    ['keep', settings.keep],
    ['cwd', settings.cwd],
    ['root', settings.chroot],
    ['cgroup', incarnation.cgroup],
    ['oom_score', config.oom_score],
    ['umask', settings.umask],
    ['nice', config.nice],
    ['no_new_privileges', settings.noNewPrivileges],
    ['capabilities', settings.capabilities?.toString(16)],
    ...limitEntries(settings),
    ...(identity ? identityEntries(identity) : []),
    ['sockets', incarnation.listen.length],
    ['ready_fd', incarnation.readyFd],
    ['notify', incarnation.notify],
    ...incarnation.reach.map((address): [string, Value] => ['reach', address]),
    ['settles', ['port', 'socket', 'http'].includes(settings.ready.kind)],
    ['pidfile', settings.pidfile],
    ['state', settings.state],
    ['token', settings.repl && 'tokenFile' in settings.repl ? settings.repl.tokenFile : undefined],
    ['state_fields', stateFields(settings, incarnation)],
    ['restart', restartNumbers[settings.restart]],
    ['restart_delay', config.restart_delay ?? 500],
    ['restart_max_delay', config.restart_max_delay ?? 60_000],
    ['restart_reset', config.restart_reset ?? 5000],
    ['restart_limit', config.restart_limit ?? 10],
    ['stop_signal', settings.stopSignal],
    ['stop_timeout', settings.stopTimeout],
    ['drain_timeout', settings.drainTimeout],
    ['tag', settings.name],
    ...(foreground ? [] : logEntries(settings, incarnation)),
  ]
  const given = entries.filter(([, value]) => value !== undefined)
  return Buffer.from(given.map(([key, value]) => `${key}=${formatValue(key, value)}\0`).join('') + '\0')
}

function formatValue(key: string, value: Value): string {
  const text = typeof value === 'boolean' ? (value ? '1' : '0') : String(value)
  if (text.includes('\0'))
    throw new ToolError('CONFIG_INVALID', { where: key, reason: 'it holds a NUL byte' })
  return text
}

function identityEntries({ account, gid, groups }: NonNullable<Settings['identity']>): [string, Value][] {
  return [['uid', account.uid], ['gid', gid], ...groups.map((group): [string, Value] => ['group', group])]
}

function limitEntries({ config }: Settings): [string, Value][] {
  return limitNames.flatMap((name): [string, Value][] => {
    const limit = config.limits?.[name]
    if (limit === undefined) return []
    const [soft, hard] = Array.isArray(limit) ? limit : [limit, limit]
    const number = (value: number | string) => (value === 'unlimited' ? infinity : value)
    return [['limit', `${limitNumbers.indexOf(name)}:${number(soft)}:${number(hard)}`]]
  })
}

function logEntries({ log }: Settings, { log: path }: Incarnation): [string, Value][] {
  if (log.kind === 'journal' || log.kind === 'syslog') return [[log.kind, log.socket]]
  if (log.kind !== 'kept') return []
  return [
    ['log_file', path ?? log.path],
    ['log_bytes', log.maxBytes],
    ['log_files', log.maxFiles],
    ['log_seconds', log.seconds],
  ]
}

/** The first half of the state record; the keeper looks for the id at its start to know its own. */
function stateFields({ name, conf }: Settings, incarnation: Incarnation): string {
  const { id, boot, started, cgroup = null, listen, replaces } = incarnation
  const old = replaces && describeOld(replaces)
  return JSON.stringify({ id, boot, name, conf, started, cgroup, listen, old }).slice(1, -1)
}

/** Not with the key "id": its keeper, which ends later, would take the record for its own, and remove it. */
function describeOld({ id, cgroup, pid, start, session, keeper, keeper_start }: StateRecord) {
  return { was: id, cgroup, pid, start, session, keeper, keeper_start }
}
