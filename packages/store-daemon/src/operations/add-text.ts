// Adds a text: its path is a function of its name, contents and references.
import { closeSync, futimesSync, openSync, writeSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf } from '@plumbline/common/error/translate'
import { hexDigest } from '@plumbline/common/store/hash'
import { makeTextPath } from '@plumbline/common/store/store-path'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { deduplicateFile, deduplicationMinimum } from '../store/deduplicate.ts'
import { removeTree } from '../store/remove-tree.ts'
import { endFileHash, fileNarSize, startFileHash } from '../store/restore-sink.ts'
import { checkDerivation } from './check-derivation.ts'
import { addItem } from './finish-item.ts'

export type AddText = { name: string; contents: Buffer; references: readonly string[] }

/** Throws STORE_NAME_…, REFERENCE_NOT_VALID, DERIVATION_…. */
export async function addText(session: Session, { name, contents, references }: AddText): Promise<string> {
  const { config, database } = session.store
  const sorted = [...new Set(references)].sort()
  const path = makeTextPath(config.store, name, hexDigest('sha256', contents), sorted)
  await addItem(session, path, () => {
    for (const reference of sorted) {
      if (database.idOf(reference) === undefined)
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
    }
    const outputs = name.endsWith('.drv') ? checkDerivation(session.store, path, contents) : undefined
    const hash = endFileHash(startFileHash(contents.length, false).update(contents), contents.length)
    writeCanonicalFile(path, contents)
    fault('add-text-written')
    if (config.deduplicate && contents.length >= deduplicationMinimum)
      deduplicateFile(config.store, path, hash)
    return {
      path,
      narHash: hash.toString('hex'),
      narSize: fileNarSize(contents.length, false),
      references: sorted,
      deriver: null,
      ...(outputs && { outputs }),
    }
  })
  return path
}

function writeCanonicalFile(path: string, contents: Buffer): void {
  const fd = createFile(path)
  try {
    for (let done = 0; done < contents.length;) done += writeSync(fd, contents, done)
    futimesSync(fd, 1, 1)
  } finally {
    closeSync(fd)
  }
}

/** What may be there was left by somebody who died. */
function createFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o444)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    removeTree(path)
    return openSync(path, 'wx', 0o444)
  }
}
