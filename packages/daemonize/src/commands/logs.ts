// logs: the last lines of the service's log as `log` records, and with --follow those that come, over rotations.
import { watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { bytesField } from '@plumbline/common/ndjson/bytes'
import type { Line } from '@plumbline/common/ndjson/line-splitter'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Context } from './command.ts'
import { LogFollower } from './log-follower.ts'

const defaultLines = 10

export async function logs(context: Context): Promise<undefined> {
  const { settings, values, flags, diagnose } = context
  const { log, name } = settings
  if (log.kind !== 'file' && log.kind !== 'kept') {
    const reason = `its output goes to ${log.kind === 'none' ? 'nowhere' : `the ${log.kind}`}`
    throw new ToolError('SERVICE_FAILED', { action: 'show the log of', name, reason })
  }
  const count = Number(values['lines']?.[0] ?? defaultLines)
  if (!Number.isInteger(count) || count < 0) {
    throw new ToolError('USAGE', { reason: 'Option --lines needs a whole number' })
  }
  const rotated = log.kind === 'kept' ? log.maxFiles : 0
  const onLost = () => diagnose(`${name}: lines may have been rotated away before they were read`)
  const follower = new LogFollower({ path: log.path, rotated, onLost }, count)
  const print = async (lines: Iterable<Line>) => {
    for (const { bytes } of lines)
      await context.records.write({ type: 'log', name, ...bytesField('text', bytes) })
  }
  if (flags.has('follow'))
    await untilAborted(context.cancel.signal, dirname(log.path), () => print(follower.read()))
  else await print(follower.readLast())
  follower.close()
  return undefined
}

function untilAborted(signal: AbortSignal, folder: string, print: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let [isPrinting, isMore] = [false, false]
    const printOn = async () => {
      isMore = true
      // Who reads slowly is told of a busy service once, and not once for each of its lines.
      if (isPrinting) return
      isPrinting = true
      while (isMore) {
        isMore = false
        await print()
      }
      isPrinting = false
    }
    const look = () => void printOn().catch(reject)
    const watcher = watchFolder(folder, look)
    // Only once it is watched: what comes meanwhile is not missed.
    look()
    signal.addEventListener('abort', () => {
      watcher.close()
      resolve()
    })
  })
}

function watchFolder(path: string, listener: () => void): FSWatcher {
  try {
    return watch(path, listener)
  } catch (error) {
    throw new ToolError('INPUT_FAILED', { path, reason: reasonOf(error) }, { cause: error })
  }
}
