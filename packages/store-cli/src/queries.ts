// The daemon's questions and their answers, typed. Paths are byte strings.
import { callNumber } from '@plumbline/common/store/wire/words'
import type { ByteReader } from '@plumbline/common/store/wire/byte-reader'
import type { StoreClient } from './store-client.ts'

const maxText = 2 ** 31
/** Bytes of a list: as much as there is. */
const maxList = Infinity

export const readString = (reader: ByteReader) => reader.string(maxText)
export const readStrings = (reader: ByteReader) => reader.strings(maxList, maxText)

export type PathInfo = {
  deriver: string
  /** Hex sha256 of the nar. */
  hash: string
  references: string[]
  registered: number
  narSize: number
}

function ask<Result>(
  client: StoreClient,
  op: number,
  argument: string,
  read: (reader: ByteReader) => Promise<Result> | Result,
): Promise<Result> {
  return client.call({ op, write: (writer) => void writer.string(argument), read })
}

export const isValid = (client: StoreClient, path: string) =>
  ask(client, callNumber.validPath, path, (reader) => reader.bool())
export const addTempRoot = (client: StoreClient, path: string) =>
  ask(client, callNumber.addTempRoot, path, (reader) => reader.int())
export const queryHash = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryPathHash, path, readString)
export const queryReferences = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryReferences, path, readStrings)
export const queryReferrers = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryReferrers, path, readStrings)
export const queryDeriver = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryDeriver, path, readString)
export const queryDerivers = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryValidDerivers, path, readStrings)
export const queryOutputs = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryDerivationOutputs, path, readStrings)
export const queryHashPart = (client: StoreClient, part: string) =>
  ask(client, callNumber.queryPathFromHashPart, part, readString)

export const queryPathInfo = (client: StoreClient, path: string): Promise<PathInfo> =>
  ask(client, callNumber.queryPathInfo, path, async (reader) => ({
    deriver: await readString(reader),
    hash: await readString(reader),
    references: await readStrings(reader),
    registered: await reader.int(),
    narSize: Number(await reader.int64()),
  }))

export const queryOutputNames = (client: StoreClient, path: string) =>
  ask(client, callNumber.queryDerivationOutputNames, path, readStrings)

/** Of `paths`, those that are valid. */
export const queryValidPaths = (client: StoreClient, paths: readonly string[]) =>
  client.call({
    op: callNumber.queryValidPaths,
    write: (writer) => void writer.strings(paths),
    read: readStrings,
  })

export type BuildMode = 'normal' | 'repair' | 'check'
const buildModes: readonly BuildMode[] = ['normal', 'repair', 'check']

/** Makes derivations (`DRV`, `DRV!OUTPUT,…`) and paths valid. Throws DAEMON_REFUSED with the daemon's status. */
export const buildThings = (client: StoreClient, things: readonly string[], mode: BuildMode) =>
  client.call({
    op: callNumber.buildThings,
    write: (writer) => void writer.strings(things).int(buildModes.indexOf(mode)),
    read: (reader) => reader.int(),
  })

export type Substitute = {
  path: string
  deriver: string
  references: string[]
  downloadSize: number
  narSize: number
}

/** Of those of `paths` that servers offer. */
export function querySubstitutes(client: StoreClient, paths: readonly string[]): Promise<Substitute[]> {
  return client.call({
    op: callNumber.querySubstitutablePathInfos,
    write: (writer) => void writer.strings(paths),
    read: async (reader) => {
      const found: Substitute[] = []
      for (let left = await reader.int(); left > 0; left--) {
        found.push({
          path: await readString(reader),
          deriver: await readString(reader),
          references: await readStrings(reader),
          downloadSize: Number(await reader.int64()),
          narSize: Number(await reader.int64()),
        })
      }
      return found
    },
  })
}

export function addText(
  client: StoreClient,
  { name, contents, references }: { name: string; contents: Buffer; references: readonly string[] },
): Promise<string> {
  return client.call({
    op: callNumber.addTextToStore,
    write: (writer) => void writer.string(name).bytes(contents).strings(references),
    read: readString,
  })
}

export function findRoots(client: StoreClient): Promise<{ link: string; target: string }[]> {
  return client.call({
    op: callNumber.findRoots,
    read: async (reader) => {
      const roots: { link: string; target: string }[] = []
      for (let left = await reader.int(); left > 0; left--) {
        roots.push({ link: await readString(reader), target: await readString(reader) })
      }
      return roots
    },
  })
}

/** What a collection does: list what is alive or dead, delete all that is dead, or these paths. */
export type CollectAction = 'live' | 'dead' | 'delete-dead' | 'delete-paths'
const collectActions: readonly CollectAction[] = ['live', 'dead', 'delete-dead', 'delete-paths']

/** `maxFreed` is bytes. */
export type Collection = {
  action: CollectAction
  paths: readonly string[]
  maxFreed: number | undefined
}
export type Collected = { paths: string[]; bytesFreed: number }

export function collectGarbage(client: StoreClient, request: Collection): Promise<Collected> {
  const { action, paths, maxFreed } = request
  return client.call({
    op: callNumber.collectGarbage,
    write: (writer) => {
      writer.int(collectActions.indexOf(action)).strings(paths).int(0)
      if (maxFreed === undefined) writer.bits64(0xffffffffffffffffn)
      else writer.int64(maxFreed)
      writer.int(0).int(0).int(0)
    },
    read: async (reader) => {
      const collected = { paths: await readStrings(reader), bytesFreed: Number(await reader.int64()) }
      await reader.int64()
      return collected
    },
  })
}
