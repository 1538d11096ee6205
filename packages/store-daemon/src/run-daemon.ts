// Runs the daemon that a command line asks for: on its sockets until it is told to end, or on standard input.
import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import { connect, isIPv6, type Socket } from 'node:net'
import { Duplex, Writable } from 'node:stream'
import { arch, getuid, pid, stdin, umask } from 'node:process'
import { pipeline } from 'node:stream/promises'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { findNameFault } from '@plumbline/common/connection/socket-name'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { native } from '@plumbline/common/syscall/native'
import { readBuildConfig } from './build/build-config.ts'
import { chooseIsolation, describeIsolation } from './build/isolation.ts'
import { defaultSettings, defaultSocket, makeConfig, type Config } from './config.ts'
import { findBinding } from './database/open.ts'
import { requireOpenFiles } from './open-files.ts'
import { StoreServer, type Address } from './server.ts'
import { makeStoreWritable } from './store/writable-store.ts'

export async function runDaemon(tool: Tool): Promise<number> {
  const { arguments: args, environment, diagnose, signal } = tool
  if (args.operands.length > 0)
    throw new ToolError('USAGE', { reason: `Unexpected operand "${args.operands[0]}"` })
  // Said to whoever starts the daemon, and not to its clients, for whom the store is opened.
  findBinding()
  // Items have the same modes whatever the user's habit is.
  umask(0o022)
  const config = readConfig(tool)
  const passed = passedSockets(environment)
  if (getuid?.() === 0)
    makeStoreWritable(
      config.store,
      passed.map(({ fd }) => fd),
    )
  const say = args.flags.has('debug') ? diagnose : () => undefined
  say(describeIsolation(isolationOf(config)))
  const server = new StoreServer(config, pid, say)
  try {
    if (args.flags.has('stdio')) await serveStdio(server, config, tool)
    else {
      requireOpenFiles()
      const listen = args.values['listen']
      const own = passed.length > 0 ? passed : [{ path: defaultSocket(config) }]
      const addresses = listen?.map(parseAddress) ?? own
      for (const address of addresses) await server.listen(address)
      if (!signal.aborted) await once(signal, 'abort')
    }
  } finally {
    await server.close()
  }
  return exitStatus.ok
}

function isolationOf({ build, buildUsersGroup }: Config) {
  return chooseIsolation(getuid?.() ?? 0, build.sandbox, buildUsersGroup)
}

function readConfig({ arguments: { flags, values }, environment }: Tool): Config {
  const single = (name: string) => values[name]?.[0]
  const choice = (name: 'gc-keep-outputs' | 'gc-keep-derivations' | 'discover', otherwise: boolean) =>
    flags.has(name) ? true : single(name) ? single(name) === 'yes' : otherwise
  // The service of Guix System says so when it does not want it.
  if (choice('discover', false)) throw new ToolError('USAGE', { reason: '--discover knows only no' })
  return makeConfig(
    { store: single('store'), state: single('state') },
    {
      deduplicate: !flags.has('disable-deduplication') && !flags.has('disable-store-optimization'),
      useSubstitutes: !flags.has('no-substitutes'),
      substituteUrls:
        single('substitute-urls')
          ?.split(/\s+/)
          .filter((url) => url !== '') ?? null,
      keepOutputs: choice('gc-keep-outputs', defaultSettings.keepOutputs),
      keepDerivations: choice('gc-keep-derivations', defaultSettings.keepDerivations),
      buildUsersGroup: single('build-users-group') ?? null,
      build: readBuildConfig({ flags, values }, arch),
    },
    environment,
    getuid?.() ?? 0,
  )
}

const defaultPort = 44146

/** `/FILE`, `HOST`, `HOST:PORT`; an IPv6 address goes in brackets. No host would be every address. Throws USAGE. */
export function parseAddress(text: string): Address {
  if (text.startsWith('/')) return { path: text }
  if (isIPv6(text)) throw new ToolError('USAGE', { reason: `"${text}" needs brackets: [${text}]` })
  const bracketed = /^\[(.*)\](?::([0-9]+))?$/.exec(text)
  const colon = text.lastIndexOf(':')
  const [host, port] = bracketed
    ? [bracketed[1] ?? '', bracketed[2]]
    : colon < 0
      ? [text, undefined]
      : [text.slice(0, colon), text.slice(colon + 1)]
  const isPort = port === undefined || (/^[0-9]{1,5}$/.test(port) && Number(port) <= 65535)
  if (!host || !isPort) {
    throw new ToolError('USAGE', { reason: `"${text}" is neither a file name nor HOST:PORT` })
  }
  return { host, port: port === undefined ? defaultPort : Number(port) }
}

/** Sockets that systemd (sd_listen_fds(3)) or s6 (s6-ipcserver-socketbinder, on descriptor 0) has opened. */
function passedSockets(environment: Readonly<Record<string, string | undefined>>): { fd: number }[] {
  if (environment['LISTEN_PID'] === String(pid)) {
    return Array.from({ length: Number(environment['LISTEN_FDS'] ?? 0) }, (_, index) => ({ fd: 3 + index }))
  }
  return fstatSync(0).isSocket() && native().isListening(0) === 1 ? [{ fd: 0 }] : []
}

/** Through the daemon that serves this state, if there is one; else by itself. */
async function serveStdio(server: StoreServer, config: Config, { records, signal }: Tool): Promise<void> {
  const output = new Writable({
    write: (bytes: Buffer, _, done) => void records.writeBytes(bytes).then(() => done(), done),
  })
  const daemon = await findDaemon(defaultSocket(config))
  if (daemon) {
    signal.addEventListener('abort', () => daemon.destroy(), { once: true })
    // When the daemon has gone, or said all, nobody is there to hear more.
    pipeline(stdin, daemon).catch(() => undefined)
    try {
      await pipeline(daemon, output, { end: false })
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      stdin.destroy()
    }
    return
  }
  requireOpenFiles()
  const uid = getuid?.()
  const socket = Duplex.from({ readable: stdin, writable: output })
  socket.on('error', () => socket.destroy())
  signal.addEventListener('abort', () => socket.destroy(), { once: true })
  await server.serve(socket, { uid, pid, name: 'standard input' }, false)
  stdin.destroy()
}

async function findDaemon(path: string): Promise<Socket | undefined> {
  if (findNameFault(path)) return undefined
  const socket = connect({ path, allowHalfOpen: true })
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined))
  })
}
