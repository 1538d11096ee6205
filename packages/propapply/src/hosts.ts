// The hosts: this machine, or every connection on standard input. A connection is opened as soon as its record is
// there; nothing is applied before the `end` record says that the list is whole.
import { hostname } from 'node:os'
import { isInputAbsent } from '@plumbline/common/cli/input'
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { Connection } from '@plumbline/common/connection/connection'

export type Host = {
  name: string
  /** This process sees what it has. */
  isHere: boolean
  /** The same connection at each call. */
  open: () => Promise<Connection>
  close: () => Promise<void>
}

export type Hosts = {
  hosts: Host[]
  /** Every hop upstream said that it succeeded. */
  upstreamOk: boolean
}

/** Standard input is for connections, unless it is absent, or not to be read. */
export async function findHosts(tool: Tool, local: boolean): Promise<Hosts> {
  if (local || isInputAbsent()) return { hosts: [makeThisMachine(tool)], upstreamOk: true }
  return readHosts(tool)
}

/** For a run that has been refused: whoever serves connections to it must not wait for it. */
export async function leaveConnections({
  arguments: { flags, operands },
  signal,
  environment,
}: Tool): Promise<void> {
  if (flags.has('local') || operands.includes('-')) return
  const leaving = await import('@plumbline/common/connection/leave-connections')
  await leaving.leaveConnections(signal, environment)
}

function makeThisMachine({ environment }: Tool): Host {
  const open = async () => {
    const { openLocal } = await import('@plumbline/common/connection/open-local')
    return openLocal(environment).connection
  }
  let opened: Promise<Connection> | undefined
  return { name: hostname(), isHere: true, open: () => (opened ??= open()), close: () => close(opened) }
}

/** Other records are passed on. Throws STREAM_TRUNCATED, RECORD_INVALID, with every connection closed. */
async function readHosts({ records, signal, environment }: Tool): Promise<Hosts> {
  const { readConnections } = await import('@plumbline/common/connection/read-connections')
  const { openClient } = await import('@plumbline/common/connection/client')
  const found: Hosts = { hosts: [], upstreamOk: true }
  try {
    for await (const item of readConnections({ hint: '-n applies to this machine', signal, environment })) {
      if (item.kind === 'connection') {
        const open = openClient(item.record)
        // Whoever applies finds the failure; until then it is nobody's.
        open.catch(() => undefined)
        found.hosts.push({
          name: item.record.host,
          isHere: false,
          open: () => open,
          close: () => close(open),
        })
      } else if (item.kind === 'end') {
        if (!item.ok) found.upstreamOk = false
      } else {
        if (item.failed) found.upstreamOk = false
        await records.write(item.record)
      }
    }
    return found
  } catch (error) {
    await Promise.all(found.hosts.map((host) => host.close()))
    throw error
  }
}

async function close(opened: Promise<Connection> | undefined): Promise<void> {
  const connection = await opened?.catch(() => undefined)
  await connection?.close().catch(() => undefined)
}
