// What is to be run for a service: the user's command, or our server of sites.
import { closeSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '@plumbline/common/syscall/native'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Settings } from '../config/settings.ts'
import type { Tls } from '../config/site.ts'
import type { HostConfiguration, HostTls } from '../sites/host-configuration.ts'
import type { Program } from './launch.ts'
import { makeIncarnationId } from '../service/incarnation-id.ts'
import { describeStranger } from '../service/token.ts'
import { firstSocket, serverReadyFd } from '../sites/descriptors.ts'
import { formatAddress } from '../config/site.ts'
import { configurationName, openSockets, removeSocket, type Socket } from './sockets.ts'

export type ChosenProgram = Program & {
  /** Closes what the service has its own copies of. */
  close(): void
  /** After a start that failed: nobody listens there, and who serves still has another socket. */
  withdraw(): void
}

export async function chooseProgram(
  settings: Settings,
  taken?: ReadonlyMap<string, number>,
): Promise<ChosenProgram> {
  const { command, environment, repl } = settings
  const old = taken ?? new Map<string, number>()
  const replAddress =
    repl && ('socket' in repl ? { host: repl.socket, port: -1 } : { host: '127.0.0.1', port: repl.port })
  const addresses = command === undefined && replAddress ? [...settings.listen, replAddress] : settings.listen
  const sockets = await openSockets(settings, addresses, old)
  const close = () => {
    for (const { fd } of sockets) closeSync(fd)
    const used = new Set(sockets.map(({ fd }) => fd))
    for (const fd of old.values()) if (!used.has(fd)) closeSync(fd)
  }
  const withdraw = () => sockets.forEach(({ made }) => made !== undefined && removeSocket(made))
  try {
    if (command !== undefined) return { argv: command, environment, sockets, close, withdraw }
    sockets.push({ fd: writeConfiguration(settings, sockets), address: configurationName })
    const server = join(import.meta.dirname, 'launch.cjs')
    const argv = [process.execPath, server, '--part', 'host', String(firstSocket + sockets.length - 1)]
    return { argv, environment, sockets, close, withdraw }
  } catch (error) {
    close()
    throw error
  }
}

/** In memory, for it holds keys that only root may read: never on disk, in arguments or in the environment. */
function writeConfiguration(settings: Settings, sockets: readonly Socket[]): number {
  const { name, conf, config, modulePaths, cachedir, drainTimeout, repl } = settings
  const tls = new Map<string, HostTls>()
  const readTls = (files: Tls): HostTls => {
    const own = JSON.stringify(files)
    const known = tls.get(own) ?? {
      cert: readSecret(files.cert),
      key: readSecret(files.key),
      passphrase: passphrase(files),
    }
    tls.set(own, known)
    return known
  }
  const configuration: HostConfiguration = {
    name,
    conf,
    load: config.load ?? [],
    modulePaths,
    cachedir,
    drainTimeout,
    sites: settings.sites.map((site) => ({
      ...site,
      socket: formatAddress({ host: site.address, port: site.port }),
      tls: site.tls && readTls(site.tls),
    })),
    sockets: sockets
      .slice(0, settings.listen.length)
      .map(({ address }, index) => ({ address, fd: firstSocket + index })),
    redirect: config.default_host_redirect,
    redirectStatus: config.redirect_status ?? 302,
    repl: repl && {
      fd: firstSocket + settings.listen.length,
      token: 'tokenFile' in repl ? makeToken(repl.tokenFile) : undefined,
    },
    readyFd: serverReadyFd(settings.listen.length, repl !== undefined),
  }
  const fd = native().memfd('configuration')
  writeSync(fd, JSON.stringify(configuration))
  return fd
}

function passphrase({ passphrase: given, passphraseFile }: Tls): string | undefined {
  return (
    given ?? (passphraseFile === undefined ? undefined : readSecret(passphraseFile).replace(/\r?\n$/, ''))
  )
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ToolError('CONFIG_UNREADABLE', { path, reason: reasonOf(error) }, { cause: error })
  }
}

/**
 * A new one for every start; whoever can read the file may use the REPL. Beside the token of whoever serves still: the
 * keeper puts it in place with the records.
 */
function makeToken(tokenFile: string): string {
  const path = `${tokenFile}.new`
  const token = makeIncarnationId()
  for (const each of [tokenFile, path]) {
    const reason = describeStranger(each)
    if (reason !== undefined) throw new ToolError('CANNOT_CREATE', { path: each, reason })
  }
  try {
    // A new file, whatever was there: neither what a link leads to, nor one that others have open.
    rmSync(path, { force: true })
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
    return token
  } catch (error) {
    if (errnoOf(error) === 'ENOSPC') rmSync(path, { force: true })
    throw new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }, { cause: error })
  }
}
