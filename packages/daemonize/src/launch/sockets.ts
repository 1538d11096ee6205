// Listening sockets, bound here, before privileges are dropped: the service needs no capability for a low port.
import { closeSync, lstatSync, unlinkSync } from 'node:fs'
import { native } from '@plumbline/common/syscall/native'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Settings } from '../config/settings.ts'
import { formatAddress, type ListenAddress } from '../config/site.ts'
import { isIpAddress } from './ip-address.ts'
import { giveAway } from '../service/give-away.ts'
import { ProcessHandle } from '../service/handle.ts'
import { firstSocket } from '../sites/descriptors.ts'
import type { StateRecord } from '../service/state.ts'

export type Socket = { fd: number; address: string; /** The file that it has made. */ made?: string }

/** Those already open for the address, else new ones. Throws SERVICE_FAILED. */
export async function openSockets(
  settings: Settings,
  addresses: readonly ListenAddress[],
  taken: ReadonlyMap<string, number>,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  const names = new Set<string>()
  try {
    for (const address of addresses) {
      const text = formatAddress(address)
      const name = nextName(names, text)
      names.add(name)
      const known = taken.get(name)
      if (known !== undefined && isTheirs(settings, address)) {
        sockets.push({ address: text, fd: known })
        continue
      }
      const made = address.port < 0 ? address.host : undefined
      if (known !== undefined && made !== undefined) removeSocket(made)
      sockets.push({ address: text, fd: await openSocket(settings, address), ...(made && { made }) })
    }
    return sockets
  } catch (error) {
    for (const { fd } of sockets) closeSync(fd)
    throw error
  }
}

/** A socket of another user than the service has now may have connections of theirs waiting in it. */
function isTheirs({ identity }: Settings, { host, port }: ListenAddress): boolean {
  if (port >= 0) return true
  const wanted = identity ? identity.account.uid : process.geteuid?.()
  return lstatSync(host, { throwIfNoEntry: false })?.uid === wanted
}

/** Where somebody has put something else by now, that stays. */
export function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path)
}

async function openSocket(settings: Settings, address: ListenAddress): Promise<number> {
  try {
    return address.port < 0
      ? await openUnix(settings, address.host)
      : native().listenTcp(await resolveHost(address.host), address.port)
  } catch (error) {
    const reason = `cannot listen at ${formatAddress(address)}: ${reasonOf(error)}`
    throw new ToolError('SERVICE_FAILED', { action: 'start', name: settings.name, reason }, { cause: error })
  }
}

async function resolveHost(host: string): Promise<string> {
  if (isIpAddress(host)) return host
  const { lookup } = await import('node:dns/promises')
  return (await lookup(host)).address
}

/** A socket that nobody answers at any more was left by someone who was killed. */
async function openUnix({ identity }: Settings, path: string): Promise<number> {
  const open = () => native().listenUnix(path, 0o600)
  const fd = await (async () => {
    try {
      return open()
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE' || !(await isAbandoned(path))) throw error
      unlinkSync(path)
      return open()
    }
  })()
  try {
    if (identity) giveAway(path, identity)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  if (!lstatSync(path).isSocket()) return false
  const { accepts } = await import('../ready/connect.ts')
  return !(await accepts({ path }))
}

/** Of several at one address, which is port 0, each has a name of its own. */
function nextName(names: { has(name: string): boolean }, address: string): string {
  return names.has(address) ? nextName(names, `${address}+`) : address
}

/** The listening sockets of a running service, by name; undefined where they cannot be had. */
export function takeSockets(record: StateRecord): Map<string, number> | undefined {
  const taken = new Map<string, number>()
  const handle = ProcessHandle.open(record)
  if (!handle) return undefined
  try {
    for (const [index, address] of record.listen.entries()) {
      if (address === configurationName) continue
      const fd = handle.takeDescriptor(firstSocket + index)
      taken.set(nextName(taken, address), fd)
      // A service may have closed it long ago, and have something else there.
      if (native().isListening(fd) === 0) throw new Error('it is another socket')
    }
    return taken
  } catch {
    for (const fd of taken.values()) closeSync(fd)
    return undefined
  } finally {
    handle.close()
  }
}

/** In place of an address: the descriptor that a site server reads its configuration from. */
export const configurationName = 'configuration'
