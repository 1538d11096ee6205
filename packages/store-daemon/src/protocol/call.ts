// What a call of the protocol is: how to read its arguments, do it, and write what it returns.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import { isInStore } from '@plumbline/common/store/store-path'
import type { Session } from '../session.ts'
import type { ByteReader } from '@plumbline/common/store/wire/byte-reader'
import type { WireWriter } from '@plumbline/common/store/wire/wire-writer'

/** A connection that speaks the protocol. */
export type Wire = { reader: ByteReader; writer: WireWriter; session: Session; minor: number }

/**
 * An error in `read` closes the connection, because where the next call begins is then unknown; one in `run` does not,
 * and is the client's to see. `write` puts the values after LAST.
 */
export type Call<Args, Result> = {
  read: (wire: Wire) => Args | Promise<Args>
  run: (session: Session, args: Args, wire: Wire) => Result | Promise<Result>
  write: (writer: WireWriter, result: Result, wire: Wire) => void
}

/** A call with its types forgotten, for the table. */
export type AnyCall = Call<unknown, unknown>

export function makeCall<Args, Result>(call: Call<Args, Result>): AnyCall {
  return call as AnyCall
}

export const maxPath = 4096
/** Bytes of a list of paths: about 200,000 of them. */
export const maxPaths = 16 * 1024 * 1024

/** Throws NOT_IN_STORE. */
export function checkInStore({ store }: Session, path: string): string {
  if (!isInStore(store.config.store, path)) throw new ToolError('NOT_IN_STORE', { path })
  return path
}

/** A path argument: it has to be directly in the store. */
export async function readPath({ reader, session }: Wire): Promise<string> {
  return checkInStore(session, await reader.string(maxPath))
}

/** A list of path arguments, without order or duplicates. */
export async function readPaths({ reader, session }: Wire): Promise<string[]> {
  const paths = await reader.strings(maxPaths, maxPath)
  for (const path of paths) checkInStore(session, path)
  return [...new Set(paths)].sort()
}

export const writeOne = (writer: WireWriter): void => void writer.int(1)
export const writeBool = (writer: WireWriter, value: boolean): void => void writer.int(value ? 1 : 0)
export const writeString = (writer: WireWriter, text: string): void => void writer.string(text)
export const writeStrings = (writer: WireWriter, items: readonly string[]): void => void writer.strings(items)
