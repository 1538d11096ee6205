// The calls that change the store, its roots, or the session.
import { ToolError } from '@plumbline/common/error/tool-error'
import { addText, type AddText } from '../operations/add-text.ts'
import { collect, type Collect, type CollectAnswer } from '../operations/collect.ts'
import { ensurePath } from '../operations/ensure-path.ts'
import { clearFailedPaths } from '../operations/failed-paths.ts'
import { optimiseStore } from '../operations/optimise.ts'
import { addIndirectRoot, addTempRoot, findValidRoots, syncWithCollection } from '../operations/roots.ts'
import { verifyStore } from '../operations/verify.ts'
import type { CollectAction } from '../gc/collect-job.ts'
import type { Root } from '../gc/find-roots.ts'
import type { Session } from '../session.ts'
import { addToStore } from './add-to-store.ts'
import { buildThings } from './build-things.ts'
import {
  makeCall,
  maxPath,
  maxPaths,
  readPath,
  readPaths,
  writeOne,
  writeString,
  type AnyCall,
  type Wire,
} from './call.ts'
import { exportLog } from './export-log.ts'
import { exportPath } from './export-path.ts'
import { importPaths } from './import-paths.ts'
import { setOptions } from './set-options.ts'

const maxName = 4096
const maxText = 32 * 1024 * 1024
const actions: readonly CollectAction[] = ['live', 'dead', 'delete', 'specific']
const nothing = () => undefined

/** By number of the call. */
export const changeCalls: Readonly<Record<number, AnyCall>> = {
  7: addToStore,
  // add-text-to-store
  8: makeCall<AddText, string>({
    read: async (wire) => ({
      name: await wire.reader.string(maxName),
      contents: await wire.reader.bytes(maxText),
      references: await readPaths(wire),
    }),
    run: addText,
    write: writeString,
  }),
  9: buildThings,
  // ensure-path
  10: makeCall<string, void>({ read: readPath, run: ensurePath, write: writeOne }),
  // add-temp-root
  11: makeCall<string, void>({ read: readPath, run: addTempRoot, write: writeOne }),
  // add-indirect-root
  12: makeCall<string, void>({
    read: ({ reader }) => reader.string(maxPath),
    run: addIndirectRoot,
    write: writeOne,
  }),
  // sync-with-gc
  13: makeCall<void, void>({ read: nothing, run: syncWithCollection, write: writeOne }),
  // find-roots
  14: makeCall<void, Root[]>({
    read: nothing,
    run: findValidRoots,
    write: (writer, roots) => {
      writer.int(roots.length)
      for (const { link, target } of roots) writer.string(link).string(target)
    },
  }),
  16: exportPath,
  1024: exportLog,
  19: setOptions,
  // collect-garbage
  20: makeCall<Collect, CollectAnswer>({
    read: readCollect,
    run: collect,
    write: (writer, { paths, bytesFreed }) => void writer.strings(paths).int64(bytesFreed).int64(0),
  }),
  // clear-failed-paths
  25: makeCall<string[], void>({
    read: ({ reader }) => reader.strings(maxPaths, maxPath),
    run: clearFailedPaths,
    write: writeOne,
  }),
  27: importPaths,
  // optimize-store
  34: makeCall<void, unknown>({ read: nothing, run: optimiseStore, write: writeOne }),
  // verify-store
  35: makeCall({
    read: async ({ reader }) => ({ contents: await reader.bool(), repair: await reader.bool() }),
    run: verify,
    write: (writer, errors) => void writer.int(errors ? 1 : 0),
  }),
}

const progressMs = 1000

/** Progress goes to the log at level 2, where clients of Guix do not see it. */
function verify(session: Session, args: { contents: boolean; repair: boolean }): Promise<boolean> {
  let told = Date.now()
  const from = readSetting(session, 'verify-from')
  return verifyStore(session, {
    ...args,
    ...(from !== undefined && { from }),
    onProgress: ({ checked, total, bad, last }) => {
      if (Date.now() - told < progressMs && checked < total) return
      told = Date.now()
      session.log(2, `checked ${checked} of ${total} paths, ${bad} bad, complete up to \`${last}'`)
    },
  })
}

/** A setting of our own, whoever made it: it concerns nobody but the client. */
function readSetting({ options }: Session, name: string): string | undefined {
  return options.settings.get(name) ?? options.settings.get(`untrusted-${name}`)
}

async function readCollect(wire: Wire): Promise<Collect> {
  const { reader, session, minor } = wire
  const action = actions[await reader.int()]
  const paths = await readPaths(wire)
  const ignoreLiveness = await reader.bool()
  const limit = await reader.int64()
  await reader.int()
  if (minor >= 5) {
    await reader.int()
    await reader.int()
  }
  if (session.remote) {
    throw new ToolError('STORE_REFUSED', { reason: 'Garbage collection is disabled for remote hosts.' })
  }
  if (!action) throw new ToolError('WIRE_INVALID', { reason: 'unknown garbage collection action' })
  const maxFreed = limit > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(limit)
  const keepDead = Number(readSetting(session, 'gc-keep-dead-ms') ?? 0)
  return { action, paths, ignoreLiveness, maxFreed, keepDeadMs: Number.isFinite(keepDead) ? keepDead : 0 }
}
