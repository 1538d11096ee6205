// Where a daemon keeps things, and how it is set: options over environment variables over defaults.
// Pure: no I/O.
import { join, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { showBytes } from '@plumbline/common/process/byte-text'
import type { BuildConfig } from './build/build-config.ts'

export type Config = {
  /** Without a slash at the end: it is part of every hash. */
  store: string
  state: string
  database: string
  logs: string
  configuration: string
  deduplicate: boolean
  keepOutputs: boolean
  keepDerivations: boolean
  useSubstitutes: boolean
  /** Where substitutes come from, unless a client names other servers. */
  substituteUrls: readonly string[]
  buildUsersGroup: string | null
  ignoreSymlinkStore: boolean
  build: BuildConfig
}

type Environment = Readonly<Record<string, string | undefined>>
type Directories = { store?: string | undefined; state?: string | undefined }
type Settings = Pick<
  Config,
  'deduplicate' | 'keepOutputs' | 'keepDerivations' | 'useSubstitutes' | 'buildUsersGroup'
> & { substituteUrls: readonly string[] | null }

export const defaultSettings: Settings = {
  deduplicate: true,
  keepOutputs: false,
  keepDerivations: true,
  useSubstitutes: true,
  substituteUrls: null,
  buildUsersGroup: null,
}

const guixServers = ['https://ci.guix.gnu.org', 'https://bordeaux.guix.gnu.org']

/** Throws STORE_CONFIG. */
export function makeConfig(
  directories: Directories,
  settings: Partial<Settings> & { build: BuildConfig },
  environment: Environment,
  uid: number,
): Config {
  const home = environment['HOME'] ?? '/'
  const xdg = (name: string, fallback: string) => join(environment[name] ?? join(home, fallback), 'plumbline')
  const root = uid === 0
  const store =
    directories.store ??
    environment['NIX_STORE_DIR'] ??
    environment['NIX_STORE'] ??
    (root ? '/gnu/store' : join(xdg('XDG_DATA_HOME', '.local/share'), 'store'))
  const state =
    directories.state ??
    environment['GUIX_STATE_DIRECTORY'] ??
    (root ? '/var/guix' : xdg('XDG_STATE_HOME', '.local/state'))
  // To resolve() it would be the directory where the daemon is started.
  if (store === '' || state === '')
    throw new ToolError('STORE_CONFIG', { reason: 'Cannot use a directory without a name' })
  const absolute = { store: resolve(store), state: resolve(state) }
  const places = {
    database: environment['GUIX_DATABASE_DIRECTORY'] ?? join(absolute.state, 'db'),
    logs: environment['GUIX_LOG_DIRECTORY'] ?? (root ? '/var/log/guix' : join(absolute.state, 'log')),
    configuration:
      environment['GUIX_CONFIGURATION_DIRECTORY'] ?? (root ? '/etc/guix' : xdg('XDG_CONFIG_HOME', '.config')),
  }
  // What is in the store and no item is removed.
  for (const path of [absolute.state, ...Object.values(places).map((place) => resolve(place))]) {
    if (!`${path}/`.startsWith(join(absolute.store, '/'))) continue
    throw new ToolError('STORE_CONFIG', {
      reason: `Cannot use directory "${path}": it is in the store, ${absolute.store}`,
    })
  }
  // Store paths are byte strings, and the same in every locale.
  if (/[^\x21-\x7e]/.test(absolute.store)) {
    throw new ToolError('STORE_CONFIG', {
      reason: `Cannot use directory "${absolute.store}": only printable ASCII is possible in a store's name`,
    })
  }
  // Node's file functions would take another name.
  if (/[\p{Surrogate}\ufffd]/u.test(absolute.state)) {
    throw new ToolError('STORE_CONFIG', {
      reason: `Cannot use directory "${showBytes(absolute.state)}": its name is not UTF-8`,
    })
  }
  return {
    ...defaultSettings,
    ...settings,
    ...absolute,
    // Items of another store directory are other items: nobody has any for that but its owner.
    substituteUrls: settings.substituteUrls ?? (absolute.store === '/gnu/store' ? guixServers : []),
    ...places,
    ignoreSymlinkStore: environment['NIX_IGNORE_SYMLINK_STORE'] === '1',
  }
}

/** The socket to listen on when none is given. */
export function defaultSocket(config: Config): string {
  return join(config.state, 'daemon-socket/socket')
}
