// The calls that ask about paths.
import { ToolError } from '@plumbline/common/error/tool-error'
import { hashPartLength } from '@plumbline/common/store/store-path'
import type { Store } from '../store/store.ts'
import { makeTurns } from '../work/job.ts'
import { hexHash, requireInfo, requireReferences } from '../operations/require-valid.ts'
import {
  checkInStore,
  makeCall,
  maxPath,
  readPath,
  readPaths,
  writeBool,
  writeString,
  writeStrings,
  type AnyCall,
} from './call.ts'

const nothing = () => undefined

/** By number of the call. */
export const queryCalls: Readonly<Record<number, AnyCall>> = {
  // valid-path?: the one whose path argument is checked once work has begun, so that the connection survives
  1: makeCall<string, boolean>({
    read: ({ reader }) => reader.string(maxPath),
    run: (session, path) => session.store.database.idOf(checkInStore(session, path)) !== undefined,
    write: writeBool,
  }),
  // query-path-hash
  4: makeCall<string, string>({
    read: readPath,
    run: (session, path) => hexHash(requireInfo(session, path)),
    write: writeString,
  }),
  // query-references
  5: makeCall<string, string[]>({
    read: readPath,
    run: requireReferences,
    write: writeStrings,
  }),
  // query-referrers
  6: makeCall<string, string[]>({
    read: readPath,
    run: ({ store }, path) => store.database.referrers(path),
    write: writeStrings,
  }),
  // query-deriver
  18: makeCall<string, string>({
    read: readPath,
    run: (session, path) => requireInfo(session, path).deriver ?? '',
    write: writeString,
  }),
  // query-derivation-outputs
  22: makeCall<string, string[]>({
    read: readPath,
    run: ({ store }, path) =>
      outputsOf(store, path)
        .map((output) => output.path)
        .sort(),
    write: writeStrings,
  }),
  // query-all-valid-paths
  23: makeCall<void, string[]>({
    read: nothing,
    run: ({ store }) => store.database.allPaths(),
    write: writeStrings,
  }),
  // query-failed-paths
  24: makeCall<void, string[]>({
    read: nothing,
    run: ({ store }) => store.database.failedPaths(),
    write: writeStrings,
  }),
  // query-path-info
  26: makeCall({
    read: readPath,
    run: (session, path: string) => {
      const info = requireInfo(session, path)
      return { info, references: requireReferences(session, path) }
    },
    write: (writer, { info, references }) => {
      writer
        .string(info.deriver ?? '')
        .string(hexHash(info))
        .strings(references)
      writer.int(info.registrationTime).int64(info.narSize ?? 0)
    },
  }),
  // query-derivation-output-names
  28: makeCall<string, string[]>({
    read: readPath,
    run: ({ store }, path) => outputsOf(store, path).map(({ id }) => id),
    write: writeStrings,
  }),
  // query-path-from-hash-part
  29: makeCall<string, string>({
    read: ({ reader }) => reader.string(maxPath),
    run: ({ store }, part) => {
      if (part.length !== hashPartLength) throw new ToolError('STORE_FAILED', { reason: 'invalid hash part' })
      return store.database.withPrefix(`${store.config.store}/${part}`) ?? ''
    },
    write: writeString,
  }),
  // query-valid-paths
  31: makeCall<string[], string[]>({
    read: readPaths,
    run: async ({ store }, paths) => {
      const turn = makeTurns()
      const valid: string[] = []
      for (const path of paths) {
        if (store.database.idOf(path) !== undefined) valid.push(path)
        const pause = turn()
        if (pause) await pause
      }
      return valid
    },
    write: writeStrings,
  }),
  // query-valid-derivers
  33: makeCall<string, string[]>({
    read: readPath,
    run: ({ store }, path) => store.database.derivers(path),
    write: writeStrings,
  }),
  // built-in-builders
  80: makeCall<void, string[]>({ read: nothing, run: () => ['download'], write: writeStrings }),
}

function outputsOf({ database }: Store, path: string) {
  const id = database.idOf(path)
  if (id === undefined) throw new ToolError('REFERENCE_NOT_VALID', { path })
  return database.outputs(id)
}
