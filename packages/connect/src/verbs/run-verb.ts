// exec, get, put, facts, shell: on all connections that come in, once they have all come.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { exitStatus } from '@plumbline/common/error/exit'
import type { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { makeErrorRecord } from '@plumbline/common/records/error'
import type { Lower } from '../hop.ts'
import { readUpstream, type UpstreamConnection } from '../upstream.ts'

/** Does one verb on one connection; resolves to an exit status. `alone`: there is one connection only. */
export type VerbOnHost = (lower: Lower, alone: boolean) => Promise<number>

export type Verb = {
  /** Checks operands, then gives what to do. Throws USAGE. */
  prepare: (tool: Tool) => VerbOnHost
  /** With one connection, standard output is the bytes themselves and carries no records. */
  isRaw: (tool: Tool, alone: boolean) => boolean
}

const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  exec: async () => (await import('./exec.ts')).exec,
  get: async () => (await import('./get.ts')).get,
  put: async () => (await import('./put.ts')).put,
  facts: async () => (await import('./facts.ts')).facts,
  shell: async () => (await import('./shell.ts')).shell,
}

export async function runVerb(tool: Tool): Promise<number> {
  const load = verbs[tool.arguments.command]
  if (!load) return exitStatus.usage
  const verb = await load()
  const perform = verb.prepare(tool)
  const { items, failures, upstreamOk } = await readAll(tool)
  const alone = items.length === 1
  const raw = verb.isRaw(tool, alone)
  const fail = async (error: ToolError, host: string) => {
    tool.diagnose(error.message)
    if (!raw) await tool.records.write(makeErrorRecord('connect', error, { host }))
    return raw ? error.exit : exitStatus.someFailed
  }
  for (const { record, failed } of failures) {
    if (!raw) await tool.records.write(record)
    // Among bytes there is no place for a record, but what has failed is told.
    else if (failed)
      tool.diagnose(`${String(record['host'] ?? record['tool'])}: ${String(record['message'])}`)
  }
  const statuses = await Promise.all(
    items.map(async ({ host, lower }) => {
      try {
        return await perform(await lower, alone)
      } catch (error) {
        return fail(toToolError(error), host)
      }
    }),
  )
  await closeAll(items)
  const failed = !upstreamOk || failures.some((failure) => failure.failed)
  const status = mergeStatuses(statuses, failed)
  if (!raw) {
    const errors =
      statuses.filter((each) => each !== 0).length + failures.filter((each) => each.failed).length
    await tool.records.write({
      type: 'end',
      tool: 'connect',
      ok: upstreamOk && errors === 0,
      counts: { hosts: items.length, errors },
    })
  }
  return status
}

/** One command's own status; of several, whether all are 0. */
function mergeStatuses(statuses: readonly number[], failed: boolean): number {
  const [only] = statuses
  if (statuses.length === 1 && only !== undefined && only !== 0) return only
  return failed || statuses.some((status) => status !== 0) ? exitStatus.someFailed : exitStatus.ok
}

async function readAll(tool: Tool) {
  const items: UpstreamConnection[] = []
  let upstreamOk = true
  const failures: { record: Parameters<Tool['records']['write']>[0]; failed: boolean }[] = []
  try {
    for await (const item of readUpstream(tool)) {
      if (item.kind === 'connection') {
        items.push(item)
      } else if (item.kind === 'end') {
        upstreamOk = item.ok
      } else {
        failures.push(item)
      }
    }
  } catch (error) {
    // Else the connections would wait for us, and we for them.
    await closeAll(items)
    throw error
  }
  return { items, failures, upstreamOk }
}

async function closeAll(items: readonly UpstreamConnection[]): Promise<void> {
  await Promise.all(items.map(async ({ lower }) => (await lower.catch(() => undefined))?.connection.close()))
}
