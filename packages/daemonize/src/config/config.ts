// The configuration of a service: its keys, their shapes, and nothing else.
// Pure: no I/O.
import * as v from 'valibot'
import { mapOf } from '@plumbline/common/records/map-of'
import { ToolError } from '@plumbline/common/error/tool-error'
import { formatMismatch, validate } from '@plumbline/common/records/validate'
import { suggestName } from '@plumbline/common/cli/suggest-name'

const text = v.pipe(v.string(), v.nonEmpty('expected some text'))
/** Of a file's name, with room for what is put behind it (.state.new). */
const nameMax = 240
const path = v.pipe(
  text,
  v.check((value) => !value.includes('\0'), 'expected a path without NUL'),
)
const pidfile = v.pipe(
  path,
  v.check(
    (value) => value.split('/').every((name) => Buffer.byteLength(name) <= nameMax),
    `expected names of at most ${nameMax} bytes`,
  ),
)
const count = v.pipe(v.number(), v.integer('expected a whole number'), v.minValue(0, 'expected 0 or more'))
/** Two of them together are still no more than a timer can be set to. */
const time = v.pipe(count, v.maxValue(1_000_000_000, 'expected at most 1000000000 (milliseconds, 11 days)'))
const port = v.pipe(count, v.maxValue(65535, 'expected a port, 0 to 65535'))
const pattern = (expression: RegExp, what: string) =>
  v.pipe(v.string(), v.regex(expression, `expected ${what}`))

const tls = v.strictObject({
  cert: path,
  key: path,
  passphrase: v.optional(v.string()),
  passphrase_file: v.optional(path),
})

const siteObject = v.strictObject({
  module: text,
  host: v.optional(v.nullable(text)),
  port: v.optional(port),
  address: v.optional(text),
  url: v.optional(pattern(/^\//, 'a path that starts with "/"')),
  tls: v.optional(tls),
})
const siteShort = v.union(
  [text, v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(4))],
  'expected a module, [module, host, port, [cert, key, passphrase]], or {module, host, port, address, url, tls}',
)
// Of an object it is said what is wrong in it, and not that it is none of the others.
const site = v.lazy((value) => (isObject(value) ? siteObject : siteShort))

const ready = v.union(
  [
    v.picklist(['exec', 'notify']),
    v.strictObject({ delay: time }),
    v.strictObject({ fd: v.pipe(count, v.minValue(3), v.maxValue(255)) }),
    v.strictObject({ port, host: v.optional(text) }),
    v.strictObject({ socket: path }),
    v.strictObject({ http: pattern(/^https?:\/\//, 'an http URL'), status: v.optional(count) }),
    v.strictObject({ line: text }),
  ],
  'expected "exec", "notify", {delay}, {fd}, {port, host}, {socket}, {http, status} or {line}',
)

const log = v.union(
  [
    text,
    v.strictObject({
      path,
      max_bytes: v.optional(v.pipe(count, v.minValue(1024, 'expected 1024 or more'))),
      max_files: v.optional(v.pipe(count, v.maxValue(1000))),
      every: v.optional(v.union([v.picklist(['hour', 'day', 'week']), v.pipe(count, v.minValue(1000))])),
    }),
    v.strictObject({ syslog: path }),
  ],
  'expected "none", "syslog", "journal", a path, {path, max_bytes, max_files, every} or {syslog}',
)

/** As a number of JSON, exactly. */
const maxLimit = Number.MAX_SAFE_INTEGER
const limit = v.union(
  [
    v.pipe(count, v.maxValue(maxLimit, `expected at most ${maxLimit}, or "unlimited"`)),
    v.literal('unlimited'),
  ],
  'expected a whole number, or "unlimited"',
)
const rank = (given: number | string) => (given === 'unlimited' ? Infinity : Number(given))
const limitPair = v.pipe(
  v.tuple([limit, limit]),
  v.check(([soft, hard]) => rank(soft) <= rank(hard), 'expected [soft, hard], soft not above hard'),
)
export const limitNames = [
  'cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending',
  'msgqueue', 'nice', 'rtprio', 'rttime',
] as const // prettier-ignore

// A number that is given has been read as another one by now: 022 is 22 in YAML 1.2, and 18 in YAML 1.1.
const octal = 'expected an octal mode as text, such as "022", in quotes'
const umask = v.pipe(v.string(octal), v.regex(/^0?[0-7]{3}$/, octal))

const signal = pattern(/^(SIG)?[A-Z][A-Z0-9]+$/, 'a signal such as "TERM"')

export const configSchema = v.strictObject({
  name: pattern(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/, 'letters, digits and _.@- (at most 64)'),
  command: v.optional(
    v.union(
      [text, v.pipe(v.array(v.string()), v.minLength(1))],
      'expected a command: text for sh, or a list of words',
    ),
  ),
  load: v.optional(v.array(text)),
  sites: v.optional(v.array(site)),
  module_paths: v.optional(v.array(path)),
  default_host_redirect: v.optional(pattern(/^[^/\s]+$/, 'a host or host:port')),
  redirect_status: v.optional(v.picklist([301, 302, 303, 307, 308])),
  repl: v.optional(v.union([port, path])),
  repl_token_file: v.optional(path),

  user: v.optional(text),
  group: v.optional(text),
  groups: v.optional(v.array(text)),
  pidfile: v.optional(pidfile),
  cachedir: v.optional(path),
  cwd: v.optional(path),
  chroot: v.optional(path),
  umask: v.optional(umask),
  env: v.optional(mapOf(pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name'), v.string())),
  pass_env: v.optional(v.array(text)),
  nice: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-20), v.maxValue(19))),
  oom_score: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000))),
  limits: v.optional(
    mapOf(
      v.picklist(limitNames),
      v.lazy((value) => (Array.isArray(value) ? limitPair : limit)),
    ),
  ),
  no_new_privileges: v.optional(v.boolean()),
  capabilities: v.optional(v.array(text)),
  cgroup: v.optional(v.boolean()),
  listen: v.optional(v.array(v.union([port, text]))),

  ready: v.optional(ready),
  start_timeout: v.optional(time),
  stop_timeout: v.optional(time),
  drain_timeout: v.optional(time),
  stop_signal: v.optional(signal),
  reload_signal: v.optional(signal),
  log: v.optional(log),
  restart: v.optional(v.picklist(['no', 'on-failure', 'always'])),
  restart_delay: v.optional(time),
  restart_max_delay: v.optional(time),
  restart_reset: v.optional(time),
  restart_limit: v.optional(count),
})

export type Config = v.InferOutput<typeof configSchema>

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first key in it that is not one, as "sites.0.modul", and those that are known there. */
function findUnknownKey(
  value: Record<string, unknown>,
): { place: string; key: string; known: string[] } | undefined {
  const sites = Array.isArray(value['sites']) ? (value['sites'] as unknown[]) : []
  const { limits } = value
  const objects = [
    { at: '', object: value, known: Object.keys(configSchema.entries) },
    ...(isObject(limits) ? [{ at: 'limits.', object: limits, known: [...limitNames] }] : []),
    ...sites.filter(isObject).flatMap((object) => {
      const at = `sites.${sites.indexOf(object)}.`
      const inner = isObject(object['tls'])
        ? [{ at: `${at}tls.`, object: object['tls'], known: Object.keys(tls.entries) }]
        : []
      return [{ at, object, known: Object.keys(siteObject.entries) }, ...inner]
    }),
  ]
  for (const { at, object, known } of objects) {
    const key = Object.keys(object).find((each) => !known.includes(each))
    if (key !== undefined) return { place: `${at}${key}`, key, known }
  }
  return undefined
}

/** The configuration in `value`, as read from `where`. Throws CONFIG_INVALID. */
export function parseConfig(value: unknown, where: string): Config {
  const refuse = (reason: string, hint?: string) => new ToolError('CONFIG_INVALID', { where, reason, hint })
  if (!isObject(value)) throw refuse('expected an object with the key "name"')
  const unknown = findUnknownKey(value)
  if (unknown) throw refuse(`there is no key "${unknown.place}"`, suggestName(unknown.key, unknown.known))
  const checked = validate(configSchema, value)
  if ('mismatches' in checked) throw refuse(checked.mismatches.map(formatMismatch).join('; '))
  const config = checked.value
  if (config.command !== undefined && (config.sites || config.load)) {
    throw refuse('"command" and "sites" exclude each other: a service is a program, or sites')
  }
  if (config.command === undefined && !config.sites && !config.load) {
    throw refuse('expected "command", or "sites", or "load"')
  }
  return config
}
