// The server of sites: loads the modules, opens the servers, says that it is ready, and ends when it is told to.
// It is the service itself, and the owner of its process.
import { closeSync, readFileSync, writeSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { pathToFileURL } from 'node:url'
import { writeDiagnostic } from '@plumbline/common/cli/diagnose'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isTrustedCache } from './cache-file.ts'
import { noCompileCache, openCompileCache, type CompileCache } from './compile-cache.ts'
import { describeError, describeLoadError } from './describe-error.ts'
import { dispatch, type Dispatching, type LiveSite } from './dispatch.ts'
import type { HostConfiguration } from './host-configuration.ts'
import { importModule, keepTransformed } from './import-module.ts'
import { survivesOutput } from './output-streams.ts'
import { resolveModule } from './resolve-module.ts'
import { drainServer, openServer, type SiteServer } from './servers.ts'
import { findDefinedSite, provideDefineSite, toSiteModule, type SiteModule } from './site-module.ts'
import { SiteTable } from './virtual-hosts.ts'

/** While a successor serves: long enough for the next request on a connection that is kept. */
const patienceMs = 1000

/** Of the program (scripts/launch.cjs); the descriptor is that of its configuration. */
export async function main(descriptor: string): Promise<void> {
  const end = prepareProcess()
  try {
    const host = await openHost(readConfiguration(Number(descriptor)))
    end(host.close)
    host.sayReady()
  } catch (error) {
    writeDiagnostic(`${describeError(error)}\n`)
    leave(1)
  }
}

/** Signals: TERM and INT end it, USR2 ends it when a successor serves; USR1 would open Node's debugger. */
function prepareProcess() {
  let close: ((patience: number) => Promise<void>) | undefined
  const onEnd = (patience: number) => {
    if (!close) return leave(1)
    close(patience).then(
      () => leave(0),
      (error: unknown) => {
        writeDiagnostic(`${describeError(error)}\n`)
        leave(1)
      },
    )
    return undefined
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => onEnd(0))
  process.on('SIGUSR2', () => onEnd(patienceMs))
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.on(signal, () => undefined)
  survivesOutput()
  return (given: typeof close) => {
    close = given
  }
}

/** Modules may hold timers and connections that would keep the process for ever. */
function leave(status: number): void {
  // oxlint-disable-next-line no-process-exit
  process.exit(status)
}

function readConfiguration(fd: number): HostConfiguration {
  const text = readFileSync(fd, 'utf8')
  closeSync(fd)
  return JSON.parse(text) as HostConfiguration
}

async function openHost(config: HostConfiguration) {
  const { name, load, conf, redirect, redirectStatus, readyFd, drainTimeout } = config
  process.title = `daemonize: ${name}`
  const isTrusted = isTrustedCache(config.cachedir)
  const compiled = isTrusted ? openCompileCache(config.cachedir) : noCompileCache
  if (isTrusted) keepTransformed(config.cachedir)
  provideDefineSite()
  for (const module of load) await loadModule(module, config, compiled)
  const sites = await loadSites(config, compiled)
  let draining = false
  const dispatching: Dispatching = { table: new SiteTable([]), redirect, redirectStatus }
  const listener: RequestListener = (req, res) => {
    if (draining) res.setHeader('Connection', 'close')
    void dispatch(dispatching, req, res)
  }
  const servers: SiteServer[] = []
  for (const socket of config.sockets) servers.push(await openServer(config, socket, listener))
  dispatching.table = new SiteTable(
    sites.map((site) => ({ ...site, port: site.port || portOf(servers, config, site.socket) })),
  )
  const repl =
    config.repl &&
    (await (
      await import('./repl-server.ts')
    ).openRepl(config.repl, { sites, servers, config: { name, conf } }))

  return {
    sayReady() {
      writeSync(readyFd, '\n')
      closeSync(readyFd)
      compiled.save()
    },
    async close(patience: number) {
      if (draining) return
      draining = true
      repl?.close()
      await Promise.all(
        servers.map((server) =>
          drainServer(server, { patienceMs: patience, timeoutMs: drainTimeout + patience }),
        ),
      )
      for (const { module, context } of sites.toReversed()) await module.close(context)
    },
  }
}

async function loadSites(config: HostConfiguration, compiled: CompileCache) {
  const { name, sites } = config
  const live: (LiveSite & { socket: string })[] = []
  for (const { module: wanted, host, port, url, tls, socket } of sites) {
    const context = Object.freeze({ name, module: wanted, host, port, url })
    const exported = findDefinedSite(wanted) ?? (await loadModule(wanted, config, compiled))
    const module: SiteModule = toSiteModule(findDefinedSite(wanted) ?? exported, wanted)
    try {
      await module.init(context)
    } catch (error) {
      throw new ToolError('MODULE_FAILED', { module: wanted, reason: describeError(error) }, { cause: error })
    }
    live.push({ host, port, url, secure: tls !== undefined, context, module, socket })
  }
  return live
}

async function loadModule(
  module: string,
  { modulePaths, conf }: HostConfiguration,
  compiled: CompileCache,
): Promise<unknown> {
  const path = resolveModule(module, modulePaths, conf)
  try {
    return compiled.load(path) ?? (await importModule(pathToFileURL(path).href))
  } catch (error) {
    throw new ToolError('MODULE_FAILED', { module, reason: describeLoadError(error, path) }, { cause: error })
  }
}

/** For a site at port 0: the one that the kernel chose. */
function portOf(servers: readonly SiteServer[], { sockets }: HostConfiguration, socket: string): number {
  const address = servers[sockets.findIndex((each) => each.address === socket)]?.address()
  return typeof address === 'object' && address ? address.port : 0
}
