// The calls that ask what substitute servers have.
import type { Session } from '../session.ts'
import { openSubstituter, type SubstituteInfo } from '../substitute/substituter.ts'
import { makeCall, readPath, readPaths, writeBool, writeStrings, type AnyCall } from './call.ts'

async function query(session: Session, paths: readonly string[]): Promise<SubstituteInfo[]> {
  const found = await openSubstituter(session).query(paths, session.signal)
  return paths.flatMap((path) => found.get(path) ?? [])
}

/** By number of the call. */
export const substituteCalls: Readonly<Record<number, AnyCall>> = {
  // has-substitutes?
  3: makeCall<string, boolean>({
    read: readPath,
    run: async (session, path) => (await query(session, [path])).length > 0,
    write: writeBool,
  }),
  // query-substitutable-path-info
  21: makeCall<string, SubstituteInfo | undefined>({
    read: readPath,
    run: async (session, path) => (await query(session, [path]))[0],
    write: (writer, info, { minor }) => {
      writer.int(info ? 1 : 0)
      if (!info) return
      writer
        .string(info.deriver ?? '')
        .strings(info.references)
        .int64(info.downloadSize)
      if (minor >= 7) writer.int64(info.narSize)
    },
  }),
  // query-substitutable-path-infos
  30: makeCall<string[], SubstituteInfo[]>({
    read: readPaths,
    run: query,
    write: (writer, infos) => {
      writer.int(infos.length)
      for (const { path, deriver, references, downloadSize, narSize } of infos) {
        writer
          .string(path)
          .string(deriver ?? '')
          .strings(references)
          .int64(downloadSize)
          .int64(narSize)
      }
    },
  }),
  // query-substitutable-paths
  32: makeCall<string[], string[]>({
    read: readPaths,
    run: async (session, paths) => (await query(session, paths)).map(({ path }) => path),
    write: writeStrings,
  }),
}
