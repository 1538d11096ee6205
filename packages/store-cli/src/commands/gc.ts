// Collects garbage, lists what is dead or alive, or says why a path is alive.
import { parseDurationOption } from '@plumbline/common/cli/duration'
import { ToolError } from '@plumbline/common/error/tool-error'
import { fromByteString } from '@plumbline/common/store/byte-string'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import { collectGarbage, type CollectAction } from '../queries.ts'
import { explain } from './why.ts'

export async function gc(context: Context): Promise<void> {
  const chosen = ['live', 'dead', 'delete', 'why'].filter((name) => context.has(name))
  if (chosen.length > 1)
    throw new ToolError('USAGE', { reason: `--${chosen.join(' and --')} exclude each other` })
  const [mode] = chosen
  if (mode === 'why') return explain(context)
  if (mode !== 'delete' && context.operands.length > 0) {
    throw new ToolError('USAGE', { reason: 'Paths to delete need --delete' })
  }
  // On a full disk it is what a collection begins with.
  context.client.keepsReserve = false
  const limit = context.option('max-freed')
  const maxFreed = limit === undefined ? undefined : parseSize(limit)
  const keepDead = context.option('keep-dead')
  if (keepDead !== undefined) {
    const ms = parseDurationOption(keepDead, '--keep-dead', Infinity)
    await context.client.setOptions({ 'gc-keep-dead-ms': String(ms) })
  }
  try {
    const paths = mode === 'delete' ? await readAllPaths(context) : []
    const collected = await collectGarbage(context.client, { action: chooseAction(mode), paths, maxFreed })
    for (const path of collected.paths) await context.emit({ type: 'path', path: fromByteString(path) })
    await context.end({ paths: collected.paths.length, freed_bytes: collected.bytesFreed })
  } catch (error) {
    await context.fail(error)
    await context.end({ paths: 0, freed_bytes: 0 })
  }
}

function chooseAction(mode: string | undefined): CollectAction {
  if (mode === 'live' || mode === 'dead') return mode
  return mode === 'delete' ? 'delete-paths' : 'delete-dead'
}

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** Bytes: 500M, 10G. Throws USAGE. */
function parseSize(text: string): number {
  const [, number, unit = ''] = /^([0-9]+)([KMGT]?)(?:iB)?$/.exec(text) ?? []
  const size = Number(number) * (units[unit] ?? 1)
  if (number === undefined || !Number.isSafeInteger(size)) {
    throw new ToolError('USAGE', { reason: `--max-freed needs a size such as 500M or 10G, not "${text}"` })
  }
  return size
}
